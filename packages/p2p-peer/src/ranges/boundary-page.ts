/**
 * The boundaries of a set of ranges that lie in one stretch of 256 MiB, as distances from where it starts:
 * four bytes for each, and little to move when one comes or goes.
 */

/** What one page spans. */
export const PAGE_SPAN: number = 2 ** 28;
const CAPACITY_MIN = 4;
/** Room for a quarter more when a page grows. */
const GROWTH = 1.25;

export class BoundaryPage {
  /** It starts at `number * PAGE_SPAN`. */
  readonly number: number;
  /** 1 when what lies before its first boundary is in the set. */
  inside: 0 | 1;
  #offsets: Uint32Array<ArrayBuffer>;
  #length = 0;

  constructor(number: number, inside: 0 | 1, offsets = new Uint32Array(CAPACITY_MIN)) {
    this.number = number;
    this.inside = inside;
    this.#offsets = offsets;
  }

  /** Boundaries in it. */
  get length(): number {
    return this.#length;
  }

  /** 1 when what lies before this boundary is in the set. */
  insideAt(index: number): 0 | 1 {
    return index % 2 === 0 ? this.inside : this.inside === 0 ? 1 : 0;
  }

  /** A boundary, counted from 0. */
  at(index: number): number {
    return this.number * PAGE_SPAN + (this.#offsets[index] ?? 0);
  }

  /** How many boundaries are below `value`, which may lie elsewhere. */
  countBelow(value: number): number {
    const offset = value - this.number * PAGE_SPAN;
    const offsets = this.#offsets;
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((offsets[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Replaces the boundaries from one index to another; `values` lie in this page. */
  replace(from: number, to: number, values: readonly number[]): void {
    const length = this.#length + values.length - (to - from);
    if (length > this.#offsets.length) {
      const larger = new Uint32Array(Math.max(CAPACITY_MIN, Math.ceil(length * GROWTH)));
      larger.set(this.#offsets.subarray(0, this.#length));
      this.#offsets = larger;
    }
    this.#offsets.copyWithin(from + values.length, to, this.#length);
    for (const [index, value] of values.entries()) {
      this.#offsets[from + index] = value - this.number * PAGE_SPAN;
    }
    this.#length = length;
  }

  clone(): BoundaryPage {
    const size = Math.max(CAPACITY_MIN, this.#length);
    const copy = new BoundaryPage(this.number, this.inside, this.#offsets.slice(0, size));
    copy.#length = this.#length;
    return copy;
  }
}
