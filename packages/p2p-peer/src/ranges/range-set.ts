/**
 * A set of bytes as sorted ranges that never touch: what a host holds of a blob, what it has told,
 * what it still wants. Kept as one row of boundaries, starts and ends in turn: a byte is in the set
 * where an odd number of them is not above it. Look-ups are a binary search; changes also move what
 * lies behind, one copy of at most 16 bytes for each range.
 */
import { TooManyRangesError } from '../errors.ts';
import { RANGES_MAX } from '../limits.ts';
import { type ByteRange, checkByteRange } from './byte-range.ts';
import { decodeRanges, encodeRanges, type RangeDecodeLimits } from './range-codec.ts';

const FIRST_CAPACITY = 8;

export class RangeSet implements Iterable<ByteRange> {
  readonly #rangesMax: number;
  /** Ascending, all different; `#length` of them. */
  #boundaries = new Float64Array(FIRST_CAPACITY);
  #length = 0;
  #bytes = 0;

  /** A set of these ranges, in any order. */
  static from(ranges: Iterable<ByteRange>, rangesMax: number = RANGES_MAX): RangeSet {
    const set = new RangeSet(rangesMax);
    for (const range of ranges) set.add(range);
    return set;
  }

  /** Throws `ERR_P2P_RANGE_SET_FORMAT`. */
  static decode(bytes: Uint8Array, limits: RangeDecodeLimits = {}): RangeSet {
    return RangeSet.from(decodeRanges(bytes, limits), limits.rangesMax);
  }

  /** `rangesMax`: how many ranges it may have. */
  constructor(rangesMax: number = RANGES_MAX) {
    this.#rangesMax = rangesMax;
  }

  /** Bytes in the set. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Ranges in the set. */
  get count(): number {
    return this.#length / 2;
  }

  /** Throws `ERR_P2P_RANGES_MAX`, and changes nothing, where it would have too many ranges. */
  add(range: ByteRange): void {
    checkByteRange(range);
    this.#set(range, 0);
  }

  /** Throws `ERR_P2P_RANGES_MAX`, and changes nothing, where two parts left would be too many. */
  remove(range: ByteRange): void {
    checkByteRange(range);
    this.#set(range, 1);
  }

  clear(): void {
    this.#boundaries = new Float64Array(FIRST_CAPACITY);
    this.#length = 0;
    this.#bytes = 0;
  }

  /** Every byte of it is in the set. */
  covers(range: ByteRange): boolean {
    return range.end > range.start && this.coveredUntil(range.start) >= range.end;
  }

  /** Where the bytes in the set end that begin at `start`; `start` itself when it is not in the set. */
  coveredUntil(start: number): number {
    const at = this.#countUpTo(start);
    return at % 2 === 1 ? this.#at(at) : start;
  }

  /** The parts of `within` that are in the set. */
  intersect(within: ByteRange): ByteRange[] {
    return this.#parts(within, 1);
  }

  /** The parts of `within` that are not in the set. */
  missing(within: ByteRange): ByteRange[] {
    return this.#parts(within, 0);
  }

  *[Symbol.iterator](): Generator<ByteRange> {
    for (let at = 0; at < this.#length; at += 2) {
      yield { start: this.#at(at), end: this.#at(at + 1) };
    }
  }

  /** Independent of this one. */
  clone(): RangeSet {
    const copy = new RangeSet(this.#rangesMax);
    copy.#boundaries = this.#boundaries.slice(0, Math.max(this.#length, FIRST_CAPACITY));
    copy.#length = this.#length;
    copy.#bytes = this.#bytes;
    return copy;
  }

  encode(): Buffer {
    return encodeRanges([...this]);
  }

  #at(index: number): number {
    return this.#boundaries[index] ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Puts the range in (`outside` 0) or takes it out (1): the boundaries in it go, and each of its
   * ends becomes one where it lies on the other side.
   */
  #set({ start, end }: ByteRange, outside: 0 | 1): void {
    const from = this.#countBelow(start);
    const to = this.#countUpTo(end);
    const added: number[] = [];
    if (from % 2 === outside) added.push(start);
    if (to % 2 === outside) added.push(end);
    const length = this.#length + added.length - (to - from);
    if (length > this.#length && length / 2 > this.#rangesMax) {
      throw new TooManyRangesError(this.#rangesMax);
    }
    const before = this.#bytesBetween(start, end, from, to);
    this.#replace(from, to, added, length);
    this.#bytes += (outside === 0 ? end - start : 0) - before;
  }

  /** Bytes of the set between `start` and `end`, whose boundaries are those of `from` to `to`. */
  #bytesBetween(start: number, end: number, from: number, to: number): number {
    let sum = 0;
    if (from % 2 === 1) sum -= start;
    for (let at = from; at < to; at++) sum += at % 2 === 1 ? this.#at(at) : -this.#at(at);
    if (to % 2 === 1) sum += end;
    return sum;
  }

  #replace(from: number, to: number, added: readonly number[], length: number): void {
    if (length > this.#boundaries.length) {
      const larger = new Float64Array(Math.ceil(length * 1.5));
      larger.set(this.#boundaries.subarray(0, this.#length));
      this.#boundaries = larger;
    }
    this.#boundaries.copyWithin(from + added.length, to, this.#length);
    this.#boundaries.set(added, from);
    this.#length = length;
  }

  /** `inside` 1: parts in the set; 0: parts that are not. */
  #parts({ start, end }: ByteRange, inside: 0 | 1): ByteRange[] {
    const parts: ByteRange[] = [];
    let at = this.#countUpTo(start);
    let from = start;
    while (from < end) {
      const to = at < this.#length ? Math.min(this.#at(at), end) : end;
      if (at % 2 === inside) parts.push({ start: from, end: to });
      from = to;
      at++;
    }
    return parts;
  }

  /** How many boundaries are not above `value`. */
  #countUpTo(value: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle) <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many boundaries are below `value`. */
  #countBelow(value: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
