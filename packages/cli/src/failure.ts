/**
 * The one sentence a failed command prints: what went wrong with which thing, and what to do.
 */
import { errorCode, ShoalError } from '@shoal/errors';

/** Remedies for errors of the system that reach the user unchanged. */
const SYSTEM_REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: 'check the path',
  EACCES: 'check its permissions, or run as root',
  EPERM: 'run as root',
  EISDIR: 'give a file',
  ENOTDIR: 'give a directory',
  ENOSPC: 'make room on that file system',
  EMFILE: 'raise the limit of open files (ulimit -n)',
};

/** `shoal <command>: <message>. <Remedy>.`, not yet escaped. */
export function describeFailure(command: string, error: unknown): string {
  const prefix = command === '' ? 'shoal' : `shoal ${command}`;
  if (error instanceof ShoalError) {
    return `${prefix}: ${sentences(error.message, error.remedy)}`;
  }
  const code = errorCode(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) {
    return `${prefix}: ${sentences(message, SYSTEM_REMEDIES[code])}`;
  }
  return `${prefix}: ${sentences(`internal error: ${message}`, 'this is a bug in shoal: please report it with the command line; SHOAL_DEBUG=1 prints where it happened')}`;
}

/** Joins a message and a remedy into sentences. */
export function sentences(message: string, remedy: string | undefined): string {
  const first = stop(message.trim());
  if (remedy === undefined || remedy.trim() === '') return first;
  const rest = remedy.trim();
  return `${first} ${stop(rest.charAt(0).toUpperCase() + rest.slice(1))}`;
}

function stop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
