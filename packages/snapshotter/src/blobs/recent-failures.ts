/**
 * Ranges that were not here in time, for a moment after. When a readahead fails the kernel asks for
 * its pages once more, one by one, for the same reader: his patience has ended with the first
 * answer, and he shall not wait for it twice.
 */
import { RECENT_FAILURE_MS, RECENT_FAILURES_MAX } from '../limits.ts';

type Failure = {
  readonly offset: number;
  readonly end: number;
  readonly error: Error;
  readonly failedAtMs: number;
};

export class RecentFailures {
  /** The oldest first. */
  #failures: Failure[] = [];
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that never jumps. */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  add(offset: number, length: number, error: Error): void {
    this.#forgetOld();
    this.#failures.push({ offset, end: offset + length, error, failedAtMs: this.#now() });
    if (this.#failures.length > RECENT_FAILURES_MAX) this.#failures.shift();
  }

  /** The failure of a range that has a byte of this one. */
  find(offset: number, length: number): Error | undefined {
    if (this.#failures.length === 0) return undefined;
    this.#forgetOld();
    return this.#failures.find((past) => offset < past.end && past.offset < offset + length)?.error;
  }

  #forgetOld(): void {
    const oldest = this.#now() - RECENT_FAILURE_MS;
    this.#failures = this.#failures.filter(({ failedAtMs }) => failedAtMs >= oldest);
  }
}
