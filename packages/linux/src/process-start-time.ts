/** When a process started, from /proc/PID/stat (proc_pid_stat(5)): with its number it names one for ever. */
import { readFileSync } from 'node:fs';
import { errorCode } from '@shoal/errors';

/**
 * Start time in clock ticks of a running process; undefined when it is gone or a zombie. Throws when it
 * cannot be looked at now, such as EMFILE: it may well run.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in parentheses may itself contain parentheses and spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch (error) {
    if (GONE.includes(errorCode(error))) return undefined;
    throw error;
  }
}

/** Before it is looked for, and while it is read. */
const GONE: readonly (string | undefined)[] = ['ENOENT', 'ESRCH'];
