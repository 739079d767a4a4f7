/** Waiting for a condition: soon after it is met, and never without an end. */
import { setTimeout as sleep } from 'node:timers/promises';

/** A loaded machine may take long for anything; a test's own time limit may end it sooner. */
const WAIT_MS_MAX = 120_000;
const PAUSE_MS_MIN = 2;
const PAUSE_MS_MAX = 25;

/** Rejects when it waits too long, with `what`, which says what the condition means. */
export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
): Promise<void> {
  const giveUpAt = performance.now() + WAIT_MS_MAX;
  let pauseMs = PAUSE_MS_MIN;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) throw new Error(`waited too long: ${what}`);
    await sleep(pauseMs);
    pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
  }
}
