/**
 * Which blocks of a device file may be read: one bit for each block of 4 KiB, least significant
 * first, in memory that the threads that answer reads share. Who fills the file sets a bit after the
 * bytes are verified and written, never before.
 */
export const READY_BLOCK_BYTES = 4096;

/** Of 128 MiB, more than any chunk or batch of them: what is longer are gaps, ready before there are readers. */
const ORDERED_BYTES_MAX = 4096;

/** Bytes a map needs for a file. */
export function readyMapBytes(sizeBytes: number): number {
  return Math.ceil(Math.ceil(sizeBytes / READY_BLOCK_BYTES) / 8);
}

/** True when every block that the range touches is present. Another thread may set bits meanwhile. */
export function isRangeReady(map: Uint8Array, offset: number, length: number): boolean {
  if (length <= 0) return true;
  const first = Math.floor(offset / READY_BLOCK_BYTES);
  const last = Math.floor((offset + length - 1) / READY_BLOCK_BYTES);
  if (last >= map.length * 8) return false;
  for (let block = first; block <= last; ) {
    const byte = Atomics.load(map, block >>> 3);
    if (byte === 0xff) {
      block += 8 - (block & 7);
    } else {
      if ((byte & (1 << (block & 7))) === 0) return false;
      block += 1;
    }
  }
  return true;
}

/** The map of one file, in the hands of who fills it: one of several threads. */
export class ReadyMap {
  readonly shared: SharedArrayBuffer;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  readonly #sizeBytes: number;

  /** `shared`: of a map that another thread has made. */
  constructor(sizeBytes: number, shared = new SharedArrayBuffer(readyMapBytes(sizeBytes))) {
    this.#sizeBytes = sizeBytes;
    this.shared = shared;
    this.#bytes = new Uint8Array(this.shared);
  }

  /** Sets the bits of every block that the range touches. */
  set(offset: number, length: number): void {
    this.#update(offset, length, true);
  }

  clear(offset: number, length: number): void {
    this.#update(offset, length, false);
  }

  /** What lies behind the file's end needs no block. */
  isReady(offset: number, length: number): boolean {
    return isRangeReady(this.#bytes, offset, Math.min(length, this.#sizeBytes - offset));
  }

  /** Whole bytes at once: nearly all of a large device may belong to no chunk, which is ready at once. */
  #update(offset: number, length: number, isReady: boolean): void {
    if (length <= 0) return;
    const end = Math.ceil(Math.min(offset + length, this.#sizeBytes) / READY_BLOCK_BYTES);
    for (let block = Math.floor(offset / READY_BLOCK_BYTES); block < end; ) {
      const low = block & 7;
      const wholeBytes = low === 0 ? Math.floor((end - block) / 8) : 0;
      const count = wholeBytes > 0 ? wholeBytes * 8 : Math.min(8 - low, end - block);
      const at = block >>> 3;
      if (wholeBytes > 0) this.#updateWhole(at, at + wholeBytes, isReady ? 0xff : 0);
      else this.#updateByte(at, ((1 << count) - 1) << low, isReady);
      block += count;
    }
  }

  /** Whoever sees a bit of a chunk sees its bytes in the file too, on every processor: `fill` promises no order. */
  #updateWhole(start: number, end: number, value: number): void {
    if (end - start > ORDERED_BYTES_MAX) this.#bytes.fill(value, start, end);
    else for (let at = start; at < end; at++) Atomics.store(this.#bytes, at, value);
  }

  #updateByte(at: number, mask: number, isReady: boolean): void {
    if (isReady) Atomics.or(this.#bytes, at, mask);
    else Atomics.and(this.#bytes, at, ~mask & 0xff);
  }
}
