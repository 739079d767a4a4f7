/**
 * The reads of a blob that had to wait: the first ones since it was opened, which are what a program
 * reads when it starts, and the last ones. Bounded, whatever happens.
 */
import { MISS_TRACE_FIRST_MAX, MISS_TRACE_LAST_MAX } from '../limits.ts';

/** One read that was not answered at once. */
export type Miss = {
  /** When it began, milliseconds since 1970. */
  readonly at: number;
  /** Bytes of the blob's uncompressed address space. */
  readonly offset: number;
  readonly length: number;
  readonly waitMs: number;
  /** Who delivered the bytes: `registry`, ...; `cache` when they had come meanwhile. */
  readonly source: string;
  /** The reader got an error. */
  readonly isFailed?: true | undefined;
};

export type TracedMisses = {
  /** In the order they ended. */
  readonly misses: readonly Miss[];
  /** Between the first and the last ones: not kept. */
  readonly dropped: number;
};

/** Told of every miss of a daemon; for its metrics. */
export type ReadObserver = {
  readonly missed: (miss: Miss) => void;
  /** A reader has been waiting for a second. */
  readonly stalled: () => void;
};

export class MissTrace {
  readonly #first: Miss[] = [];
  readonly #last: Miss[] = [];
  #dropped = 0;

  add(miss: Miss): void {
    if (this.#first.length < MISS_TRACE_FIRST_MAX) {
      this.#first.push(miss);
      return;
    }
    this.#last.push(miss);
    // Cut in larger steps: a shift for each miss would move them all.
    if (this.#last.length < 2 * MISS_TRACE_LAST_MAX) return;
    this.#dropped += this.#last.splice(0, MISS_TRACE_LAST_MAX).length;
  }

  read(): TracedMisses {
    return { misses: [...this.#first, ...this.#last], dropped: this.#dropped };
  }
}
