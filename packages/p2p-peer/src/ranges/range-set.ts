/**
 * A set of bytes as sorted ranges that never touch: what a host holds of a blob, what it has told, what it
 * still wants. Kept as one row of boundaries, starts and ends in turn, cut into pages: a look-up is two
 * binary searches, a change moves what lies behind it in one page, and a range takes eight bytes.
 */
import { TooManyRangesError } from '../errors.ts';
import { RANGES_MAX } from '../limits.ts';
import { BoundaryPage, PAGE_SPAN } from './boundary-page.ts';
import { type ByteRange, checkByteRange } from './byte-range.ts';
import { decodeRanges, encodeRanges, type RangeDecodeLimits } from './range-codec.ts';

/** Between two boundaries: before boundary `index` of the page, or behind its last one. */
type Position = { page: number; index: number };

export class RangeSet implements Iterable<ByteRange> {
  readonly #rangesMax: number;
  /** Ascending; none is empty. */
  #pages: BoundaryPage[] = [];
  /** Boundaries in all pages. */
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
    this.#pages = [];
    this.#length = 0;
    this.#bytes = 0;
  }

  /** Every byte of it is in the set. */
  covers(range: ByteRange): boolean {
    return range.end > range.start && this.coveredUntil(range.start) >= range.end;
  }

  /** Where the bytes in the set end that begin at `start`; `start` itself when it is not in the set. */
  coveredUntil(start: number): number {
    const position = this.#positionUpTo(start);
    return this.#insideAt(position) === 1 ? this.#boundaryAt(position) : start;
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
    let start = 0;
    for (const page of this.#pages) {
      for (let index = 0; index < page.length; index++) {
        if (page.insideAt(index) === 0) start = page.at(index);
        else yield { start, end: page.at(index) };
      }
    }
  }

  /** Independent of this one. */
  clone(): RangeSet {
    const copy = new RangeSet(this.#rangesMax);
    copy.#pages = this.#pages.map((page) => page.clone());
    copy.#length = this.#length;
    copy.#bytes = this.#bytes;
    return copy;
  }

  encode(): Buffer {
    return encodeRanges([...this]);
  }

  /**
   * Puts the range in (`outside` 0) or takes it out (1): the boundaries in it go, and each of its
   * ends becomes one where it lies on the other side.
   */
  #set({ start, end }: ByteRange, outside: 0 | 1): void {
    const from = this.#positionBelow(start);
    const to = this.#positionUpTo(end);
    const starts = this.#insideAt(from) === outside ? [start] : [];
    const ends = this.#insideAt(to) === outside ? [end] : [];
    const { removed, bytes } = this.#between(from, to, start, end);
    const length = this.#length + starts.length + ends.length - removed;
    if (length > this.#length && length / 2 > this.#rangesMax) {
      throw new TooManyRangesError(this.#rangesMax);
    }
    this.#replace({ start, end }, from, to, { starts, ends, inside: outside === 0 ? 1 : 0 });
    this.#length = length;
    this.#bytes += (outside === 0 ? end - start : 0) - bytes;
  }

  /** The boundaries from one position to another, and the bytes of the set from `start` to `end`. */
  #between(from: Position, to: Position, start: number, end: number) {
    let removed = 0;
    let bytes = 0;
    let last = start;
    let inside = this.#insideAt(from);
    for (let at = from.page; at <= to.page; at++) {
      const page = this.#pages[at];
      if (page === undefined) break;
      const first = at === from.page ? from.index : 0;
      const behind = at === to.page ? to.index : page.length;
      for (let index = first; index < behind; index++) {
        const boundary = page.at(index);
        if (inside === 1) bytes += boundary - last;
        inside = inside === 1 ? 0 : 1;
        last = boundary;
        removed++;
      }
    }
    if (inside === 1) bytes += end - last;
    return { removed, bytes };
  }

  /** The boundaries from one position to another go; `starts` and `ends` take their place. */
  #replace(
    range: ByteRange,
    from: Position,
    to: Position,
    by: { readonly starts: number[]; readonly ends: number[]; readonly inside: 0 | 1 },
  ): void {
    const first = this.#pageFor(range.start, from.page);
    const isFirstThere = first === this.#pages[from.page];
    if (pageNumber(range.end) === first.number) {
      first.replace(from.index, isFirstThere ? to.index : 0, [...by.starts, ...by.ends]);
      if (!isFirstThere || first.length === 0)
        this.#exchange(from.page, isFirstThere ? 1 : 0, first);
      return;
    }
    const last = this.#pageFor(range.end, to.page);
    const isLastThere = last === this.#pages[to.page];
    first.replace(from.index, first.length, by.starts);
    last.replace(0, to.index, by.ends);
    last.inside = by.inside;
    this.#exchange(from.page, to.page - from.page + (isLastThere ? 1 : 0), first, last);
  }

  /** The page that a value lies in: the one at this place, or a new one to be put there. */
  #pageFor(value: number, at: number): BoundaryPage {
    const page = this.#pages[at];
    if (page?.number === pageNumber(value)) return page;
    return new BoundaryPage(pageNumber(value), page?.inside ?? 0);
  }

  #exchange(at: number, count: number, ...pages: readonly BoundaryPage[]): void {
    this.#pages.splice(at, count, ...pages.filter(({ length }) => length > 0));
  }

  /** `inside` 1: parts in the set; 0: parts that are not. */
  #parts({ start, end }: ByteRange, wanted: 0 | 1): ByteRange[] {
    const parts: ByteRange[] = [];
    const position = this.#positionUpTo(start);
    let inside = this.#insideAt(position);
    for (let from = start; from < end; ) {
      const to = Math.min(this.#boundaryAt(position), end);
      if (inside === wanted) parts.push({ start: from, end: to });
      inside = inside === 1 ? 0 : 1;
      position.index++;
      from = to;
    }
    return parts;
  }

  #insideAt({ page, index }: Position): 0 | 1 {
    return this.#pages[page]?.insideAt(index) ?? 0;
  }

  /** The first boundary behind a position, which moves to just before it. */
  #boundaryAt(position: Position): number {
    const page = this.#pages[position.page];
    if (page === undefined) return Number.POSITIVE_INFINITY;
    if (position.index < page.length) return page.at(position.index);
    position.page++;
    position.index = 0;
    return this.#pages[position.page]?.at(0) ?? Number.POSITIVE_INFINITY;
  }

  /** Behind all boundaries that are not above `value`. */
  #positionUpTo(value: number): Position {
    return this.#position(pageNumber(value), value + 1);
  }

  /** Behind all boundaries that are below `value`. */
  #positionBelow(value: number): Position {
    return this.#position(pageNumber(value), value);
  }

  #position(number: number, limit: number): Position {
    const pages = this.#pages;
    let low = 0;
    let high = pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((pages[middle]?.number ?? 0) < number) low = middle + 1;
      else high = middle;
    }
    const page = pages[low];
    return { page: low, index: page?.number === number ? page.countBelow(limit) : 0 };
  }
}

function pageNumber(value: number): number {
  return Math.floor(value / PAGE_SPAN);
}
