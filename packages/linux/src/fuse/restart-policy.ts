/**
 * When a worker thread that failed is replaced: the first at once, the next after a growing pause.
 * A session is never ended for it: mounts use it, and their readers would get errors.
 */
import {
  WORKER_FAILURES_PER_MINUTE_MAX,
  WORKER_RESTART_PAUSE_MS,
  WORKER_RESTART_PAUSE_MS_MAX,
} from '../limits.ts';

const MINUTE_MS = 60_000;

export class RestartPolicy {
  #failedAt: number[] = [];

  /** Counts a failure at `nowMs` of a clock that does not jump. */
  failed(nowMs: number): { readonly pauseMs: number; readonly isTooMany: boolean } {
    const recent = this.#failedAt.filter((at) => nowMs - at < MINUTE_MS);
    const pauseMs =
      recent.length === 0
        ? 0
        : Math.min(WORKER_RESTART_PAUSE_MS * 2 ** (recent.length - 1), WORKER_RESTART_PAUSE_MS_MAX);
    this.#failedAt = [...recent, nowMs];
    return { pauseMs, isTooMany: this.#failedAt.length > WORKER_FAILURES_PER_MINUTE_MAX };
  }
}
