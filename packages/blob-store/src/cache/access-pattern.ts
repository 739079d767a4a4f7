/**
 * How far to read ahead of a demand read. A read that goes on where an earlier one ended doubles
 * that stream's window; any other read starts a new stream without readahead. So random reads
 * fetch only their own chunks and sequential ones run several MiB ahead.
 */
import { READAHEAD_BYTES_MAX, READAHEAD_BYTES_MIN, READAHEAD_STREAMS_MAX } from '../limits.ts';

type Stream = { end: number; window: number; lastUse: number };

export class AccessPattern {
  readonly #bytesMax: number;
  readonly #streams: Stream[] = [];
  #clock = 0;

  /** 0 turns readahead off. */
  constructor(bytesMax = READAHEAD_BYTES_MAX) {
    this.#bytesMax = Math.min(bytesMax, READAHEAD_BYTES_MAX);
  }

  /**
   * Bytes to read ahead behind a demand read of [start, end), widened to its chunks. A stream also
   * goes on anywhere inside its window, since what was read ahead is read without asking.
   */
  readaheadFor(start: number, end: number): number {
    this.#clock++;
    // Another piece of the chunks read last: neither a step on nor a new stream.
    const same = this.#streams.find((known) => known.end === end);
    if (same !== undefined) {
      same.lastUse = this.#clock;
      return 0;
    }
    const stream = this.#streams.find(
      (known) => start >= known.end - SLACK && start <= known.end + known.window && end > known.end,
    );
    if (stream === undefined) {
      this.#remember({ end, window: 0, lastUse: this.#clock });
      return 0;
    }
    stream.end = end;
    stream.lastUse = this.#clock;
    stream.window = Math.min(
      this.#bytesMax,
      Math.max(Math.min(READAHEAD_BYTES_MIN, this.#bytesMax), stream.window * 2),
    );
    return stream.window;
  }

  #remember(stream: Stream): void {
    if (this.#streams.length >= READAHEAD_STREAMS_MAX) {
      const oldest = this.#streams.reduce((a, b) => (a.lastUse <= b.lastUse ? a : b));
      this.#streams.splice(this.#streams.indexOf(oldest), 1);
    }
    this.#streams.push(stream);
  }
}

/** Kernel readahead asks for overlapping pieces of 128 KiB; they are still one stream. */
const SLACK = 128 << 10;
