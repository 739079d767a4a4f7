/**
 * Delivers the stored bytes of one entry as its logical content: views of data, and the holes of a
 * sparse file between them.
 */
import type { SparseExtent, TarHandler } from './tar-entry.ts';

export class TarContent {
  readonly #handler: TarHandler;
  #left = 0;
  #logicalSize = 0;
  #extents: readonly SparseExtent[] | undefined;
  #extentIndex = 0;
  #extentLeft = 0;
  /** Logical offset reached. */
  #logical = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Starts an entry; a sparse map must have been checked against both sizes. */
  open(
    storedSize: number,
    logicalSize: number,
    extents: readonly SparseExtent[] | undefined,
  ): void {
    this.#left = storedSize;
    this.#logicalSize = logicalSize;
    this.#extents = extents;
    this.#extentIndex = 0;
    this.#extentLeft = extents?.[0]?.length ?? 0;
    this.#logical = 0;
  }

  /** True when every stored byte was delivered. */
  get isComplete(): boolean {
    return this.#left === 0;
  }

  /** Delivers some of the bytes from `at` on and says how many. */
  write(bytes: Buffer, at: number): number {
    let length = Math.min(bytes.length - at, this.#left);
    if (this.#extents !== undefined) length = this.#seekExtent(length);
    this.#handler.onData(
      at === 0 && length === bytes.length ? bytes : bytes.subarray(at, at + length),
    );
    this.#left -= length;
    return length;
  }

  /** Delivers the hole at the end of a sparse file, then the end of the entry. */
  close(): void {
    if (this.#extents !== undefined && this.#logicalSize > this.#logical) {
      this.#handler.onHole(this.#logicalSize - this.#logical);
    }
    this.#extents = undefined;
    this.#handler.onEntryEnd();
  }

  /** Emits the hole before the next extent's bytes and bounds the run to that extent. */
  #seekExtent(available: number): number {
    const extents = this.#extents ?? [];
    while (this.#extentLeft === 0) {
      this.#extentIndex += 1;
      this.#extentLeft = extents[this.#extentIndex]?.length ?? this.#left;
    }
    const extent = extents[this.#extentIndex];
    if (extent !== undefined) {
      const start = extent.offset + extent.length - this.#extentLeft;
      if (start > this.#logical) this.#handler.onHole(start - this.#logical);
      this.#logical = start;
    }
    const length = Math.min(available, this.#extentLeft);
    this.#extentLeft -= length;
    this.#logical += length;
    return length;
  }
}
