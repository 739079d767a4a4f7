/**
 * The *present* bits: one for each block of 4 KiB of the device file, least significant first, in
 * shared memory so that the threads that answer reads see them. A bit is set after the bytes are
 * verified and written, never before.
 */
export const BLOCK_BYTES = 4096;

export function alignToBlock(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

export class ReadyMap {
  readonly shared: SharedArrayBuffer;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #blocks: number;

  /** Rounded up to 4 bytes: readers may look at 32 bits at a time. */
  constructor(sizeBytes: number) {
    this.#blocks = Math.ceil(sizeBytes / BLOCK_BYTES);
    this.shared = new SharedArrayBuffer(Math.max(4, Math.ceil(this.#blocks / 32) * 4));
    this.#bytes = new Uint8Array(this.shared);
  }

  /** Sets the bits of every block that the range touches. */
  set(offset: number, length: number): void {
    this.#update(offset, length, (at, mask) => Atomics.or(this.#bytes, at, mask));
  }

  clear(offset: number, length: number): void {
    this.#update(offset, length, (at, mask) => Atomics.and(this.#bytes, at, ~mask & 0xff));
  }

  isReady(offset: number, length: number): boolean {
    let isReady = true;
    this.#update(offset, length, (at, mask) => {
      if ((Atomics.load(this.#bytes, at) & mask) !== mask) isReady = false;
      return 0;
    });
    return isReady;
  }

  #update(offset: number, length: number, change: (at: number, mask: number) => number): void {
    if (length <= 0) return;
    let block = Math.floor(offset / BLOCK_BYTES);
    const end = Math.min(this.#blocks, Math.ceil((offset + length) / BLOCK_BYTES));
    while (block < end) {
      const low = block & 7;
      const count = Math.min(8 - low, end - block);
      change(Math.floor(block / 8), ((1 << count) - 1) << low);
      block += count;
    }
  }
}
