/**
 * Bytes of a blob's file that nobody needs and no record tells of, until there are holes in their place:
 * until then they are not written again, or the hole would take what was written.
 */

import { RANGES_MAX } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import { HOLE_BLOCK_BYTES, HOLE_BYTES_MAX } from './limits.ts';

/** The parts of a range that no reader, writer or record wants of the file, ascending. */
export type UnneededOf = (range: ByteRange) => readonly ByteRange[];

export class SpareRanges {
  readonly #unneededOf: UnneededOf;
  #ranges = new RangeSet();

  constructor(unneededOf: UnneededOf) {
    this.#unneededOf = unneededOf;
  }

  /** Without room to remember it, it keeps its place in the file until it is written. */
  add(range: ByteRange): void {
    if (this.#ranges.count < RANGES_MAX) this.#ranges.add(range);
  }

  /** The parts of a range that are none of these. */
  missing(range: ByteRange): ByteRange[] {
    return this.#ranges.missing(range);
  }

  /** What can be a hole next, some MiB at most, in whole blocks where that is possible. */
  nextHole(): ByteRange | undefined {
    for (const { start, end } of this.#ranges) {
      for (let at = start; at < end; at += HOLE_BYTES_MAX) {
        // Somebody may be writing there still.
        const [unneeded] = this.#unneededOf({ start: at, end: Math.min(end, at + HOLE_BYTES_MAX) });
        if (unneeded !== undefined) return this.#inBlocks(unneeded);
      }
    }
    return undefined;
  }

  /** It is a hole now, or cannot become one. */
  end(hole: ByteRange): void {
    if (this.#ranges.count < RANGES_MAX) this.#ranges.remove(hole);
    else this.clear();
  }

  clear(): void {
    this.#ranges = new RangeSet();
  }

  /** With what lies around it in its first and last block, which may be behind the end of the file. */
  #inBlocks({ start, end }: ByteRange): ByteRange {
    const before = Math.floor(start / HOLE_BLOCK_BYTES) * HOLE_BLOCK_BYTES;
    const behind = Math.ceil(end / HOLE_BLOCK_BYTES) * HOLE_BLOCK_BYTES;
    return {
      start: this.#isUnneeded({ start: before, end: start }) ? before : start,
      end: this.#isUnneeded({ start: end, end: behind }) ? behind : end,
    };
  }

  #isUnneeded(range: ByteRange): boolean {
    const unneeded = range.end > range.start ? this.#unneededOf(range) : [];
    return unneeded.reduce((sum, part) => sum + rangeBytes(part), 0) === rangeBytes(range);
  }
}
