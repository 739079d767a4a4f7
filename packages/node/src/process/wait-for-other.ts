/**
 * Waiting for a daemon that has the state and does not answer (yet): one that another command starts,
 * one that leaves, one that lost its socket and makes it anew, or one that is stuck.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DaemonPaths } from '../config/paths.ts';
import { StateHeldError } from '../errors.ts';
import { LOST_SOCKET_TIMEOUT_MS, START_TIMEOUT_MS } from '../limits.ts';
import { findStateHolder, type StateHolder } from './state-holder.ts';

export type WaitForOther = {
  readonly paths: DaemonPaths;
  readonly signal?: AbortSignal | undefined;
  readonly onWait?: ((what: string) => void) | undefined;
  /** Why none was started; what our own daemon said when it found another one. */
  readonly failure: Error;
};

const CHECK_MS = 50;
/** So long a start usually takes, and nobody needs to hear of it. */
const TELL_MS = 1_000;

/**
 * True when it answers; false when it has gone and another can be started.
 *
 * @throws StateHeldError, or the failure, when it does neither for too long
 */
export async function waitForOther(
  answers: () => Promise<boolean>,
  { paths, signal, onWait, failure }: WaitForOther,
): Promise<boolean> {
  const beganAt = performance.now();
  let isTold = false;
  let wasHeld = failure instanceof StateHeldError;
  for (;;) {
    if (await answers()) return true;
    const holder = findStateHolder(paths);
    // A holder may be one that only we cannot see.
    if (holder === undefined && wasHeld) return false;
    wasHeld ||= holder !== undefined;
    const waitedMs = performance.now() - beganAt;
    if (waitedMs > patienceMs(holder)) throw why(paths, holder) ?? failure;
    if (!isTold && waitedMs > TELL_MS) {
      isTold = true;
      onWait?.(`${(why(paths, holder) ?? failure).message}; waiting`);
    }
    await sleep(CHECK_MS, undefined, signal === undefined ? {} : { signal });
  }
}

function patienceMs(holder: StateHolder | undefined): number {
  return holder?.isServing === true ? LOST_SOCKET_TIMEOUT_MS : START_TIMEOUT_MS;
}

function why(paths: DaemonPaths, holder: StateHolder | undefined): Error | undefined {
  return holder === undefined ? undefined : new StateHeldError(paths, holder);
}
