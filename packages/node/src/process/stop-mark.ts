/**
 * That the last daemon was asked to leave, for a supervisor that starts one again: the daemon it
 * started may have been another's predecessor, which a command has ended since. Written and taken away
 * only by the process that has the lock of the state; in the run directory, gone after a reboot.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoppedMeanwhileError } from '../errors.ts';

function markOf(run: string): string {
  return join(run, 'asked-to-stop');
}

/** Best effort: on a full disk a daemon may come back, as it would without the mark. */
export function leaveStopMark(run: string): void {
  try {
    writeFileSync(markOf(run), '', { mode: 0o600 });
  } catch {
    // See above.
  }
}

/** Once the state is ours. @throws StoppedMeanwhileError when nobody but a supervisor wants the daemon */
export function takeStopMark(run: string, isRestart: boolean): void {
  if (isRestart && existsSync(markOf(run))) throw new StoppedMeanwhileError();
  rmSync(markOf(run), { force: true });
}
