/** Waiting for the end of a process that is no child of this one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startTimeOf } from '@shoal/linux/proc';

const CHECK_MS = 50;

/** Also when nobody reaps it, or another process has its number by then. Rejects when the signal fires. */
export async function untilProcessEnds(pid: number, signal: AbortSignal): Promise<void> {
  const started = startTimeOf(pid);
  while (started !== undefined && startTimeOf(pid) === started) {
    await sleep(CHECK_MS, undefined, { signal });
  }
}
