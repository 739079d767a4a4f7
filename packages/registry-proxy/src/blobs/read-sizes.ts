/**
 * How much of a blob is read at once: little at first, so that the first byte comes soon, then more,
 * less again when there are many readers. Reads end at multiples of their size, so that those who read
 * the same blob at the same time read the same parts.
 */
import {
  CROWDED_READ_BYTES,
  FIRST_READ_BYTES,
  PARTS_HELD_MAX,
  READ_BYTES_HELD_MAX,
  READ_BYTES_MAX,
  SECOND_READ_BYTES,
} from '../limits.ts';

export class ReadSizes {
  #readers = 0;

  enter(): void {
    this.#readers++;
  }

  leave(): void {
    this.#readers--;
  }

  /** Bytes to read at `position` of a span that ends at `end`, `before` of which have been read. */
  next(position: number, end: number, before: number): number {
    const share = READ_BYTES_HELD_MAX / (PARTS_HELD_MAX * Math.max(1, this.#readers));
    const fair = 2 ** Math.floor(Math.log2(Math.max(share, CROWDED_READ_BYTES)));
    const size = Math.min(fair, wanted(before));
    const edge = Math.floor(position / size) * size + size;
    // A few bytes are not worth a request of their own.
    const until = edge - position < Math.min(size, FIRST_READ_BYTES) / 4 ? edge + size : edge;
    return Math.min(until, end) - position;
  }
}

/** Who asks for all that follows often wants little of it: containerd 2 cuts such answers off. */
function wanted(before: number): number {
  if (before === 0) return FIRST_READ_BYTES;
  return before < READ_BYTES_MAX ? SECOND_READ_BYTES : READ_BYTES_MAX;
}
