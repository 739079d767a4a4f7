/**
 * Starts a process that outlives this one and everything around it: in a session of its own, child
 * of no one here, the last the OOM killer takes, outside the cgroup of a service where that is
 * possible, so that stopping the service does not end it.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { HolderError } from '../errors.ts';
import { listMounts } from '../mount/mount-table.ts';
import { startTimeOf } from '../process-start-time.ts';
import { keepDescriptorsFromChildren } from '../syscalls.ts';
import { FIRST_FD } from './holder-record.ts';

/** The shell ends at once: who asks for descriptors later is no ancestor either (Yama knows). */
const SCRIPT = '"$@" >/dev/null 2>&1 & echo $!';
const OOM_SCORE_NEVER = '-1000';
const CGROUP = 'shoal-holder';

export type LaunchedProcess = { readonly pid: number; readonly startTime: string };

/** Descriptors become 3, 4, ... in the process. @throws HolderError */
export async function launchApart(
  command: readonly string[],
  options: { readonly fds: readonly number[]; readonly env: NodeJS.ProcessEnv },
): Promise<LaunchedProcess> {
  // It lives for ever: a log of the database that it held would keep a disk from being unmounted.
  keepDescriptorsFromChildren(FIRST_FD);
  const shell = spawn('sh', ['-c', SCRIPT, 'sh', ...command], {
    cwd: '/',
    detached: true,
    env: options.env,
    stdio: ['ignore', 'pipe', 'ignore', ...options.fds],
  });
  const failed = new Promise<never>((_, reject) => shell.once('error', reject));
  let pid: number;
  try {
    // Without a process there may be no streams: the error says why (EMFILE).
    const said = shell.pid === undefined || shell.stdout === null ? failed : text(shell.stdout);
    pid = Number(await Promise.race([said, failed]));
  } catch (cause) {
    throw new HolderError('cannot start the holder of descriptors', { cause, remedy: REMEDY });
  }
  const startTime = Number.isInteger(pid) && pid > 0 ? startTimeOf(pid) : undefined;
  if (startTime === undefined) {
    throw new HolderError('the holder of descriptors ended at once', { remedy: REMEDY });
  }
  attempt(() => writeFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE_NEVER));
  attempt(() => leaveCgroup(pid));
  return { pid, startTime };
}

const REMEDY = 'install coreutils or busybox';

function attempt(change: () => void): void {
  try {
    change();
  } catch {
    // Protection that this host does not allow: the holder works without it.
  }
}

/** Takes the process out of a service's cgroup: systemd ends what is in there with the service. */
function leaveCgroup(pid: number): void {
  const [, own] = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1')) ?? [];
  const root = listMounts().find((entry) => entry.fileSystem === 'cgroup2')?.mountpoint;
  if (own === undefined || own === '/' || root === undefined) return;
  const cgroup = join(root, CGROUP);
  mkdirSync(cgroup, { recursive: true });
  writeFileSync(join(cgroup, 'cgroup.procs'), String(pid));
}
