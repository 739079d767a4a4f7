/**
 * How far to read ahead of a demand read. A read that goes on where an earlier one ended belongs to
 * a stream, and a stream is read ahead at most as far as it has come. Any other read starts a new
 * stream, and a little behind it comes with it in one request: those are the next files of the same
 * directory, which a program that starts reads next. Beyond that little, what is fetched in vain is
 * never more than what was read.
 */
import { READAHEAD_BYTES_MAX, READAHEAD_FIRST_BYTES, READAHEAD_STREAMS_MAX } from '../limits.ts';

export type Readahead = {
  /** Bytes behind the read. */
  readonly bytes: number;
  /** Together with the read, in its request; otherwise after it. */
  readonly isWithRead: boolean;
};

export const NO_READAHEAD: Readahead = { bytes: 0, isWithRead: false };

type Stream = { readonly start: number; end: number; window: number; lastUse: number };

/** Kernel readahead asks for overlapping pieces of 128 KiB; they are still one stream. */
const SLACK_BYTES = 128 << 10;

export class AccessPattern {
  readonly #bytesMax: number;
  readonly #streams: Stream[] = [];
  #clock = 0;

  /** 0 turns readahead off. */
  constructor(bytesMax = READAHEAD_BYTES_MAX) {
    this.#bytesMax = Math.min(bytesMax, READAHEAD_BYTES_MAX);
  }

  /**
   * What to read ahead of a demand read of [start, end), widened to its chunks. A stream also goes on
   * anywhere inside its window, since what was read ahead is read without asking.
   */
  readaheadFor(start: number, end: number): Readahead {
    this.#clock++;
    // Another piece of the chunks read last: neither a step on nor a new stream.
    const same = this.#streams.find((known) => known.end === end);
    if (same !== undefined) {
      same.lastUse = this.#clock;
      return NO_READAHEAD;
    }
    const stream = this.#streams.find((known) => isNext(known, start, end));
    if (stream === undefined) {
      const together = Math.min(this.#bytesMax, READAHEAD_FIRST_BYTES);
      const window = Math.max(0, together - (end - start));
      this.#remember({ start, end, window, lastUse: this.#clock });
      return { bytes: window, isWithRead: true };
    }
    stream.end = end;
    stream.lastUse = this.#clock;
    const come = Math.max(end - stream.start, READAHEAD_FIRST_BYTES);
    stream.window = Math.min(this.#bytesMax, come);
    return { bytes: stream.window, isWithRead: false };
  }

  #remember(stream: Stream): void {
    if (this.#streams.length >= READAHEAD_STREAMS_MAX) {
      const oldest = this.#streams.reduce((a, b) => (a.lastUse <= b.lastUse ? a : b));
      this.#streams.splice(this.#streams.indexOf(oldest), 1);
    }
    this.#streams.push(stream);
  }
}

function isNext(stream: Stream, start: number, end: number): boolean {
  return (
    start >= stream.end - SLACK_BYTES && start <= stream.end + stream.window && end > stream.end
  );
}
