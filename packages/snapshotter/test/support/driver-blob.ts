/** A blob for driver tests: pattern bytes that arrive when asked for, in a sparse device file. */
import { closeSync, constants, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { DriverBlob } from '../../src/driver/index.ts';

const BLOCK_BYTES = 4096;

/** Blocks of a file that all differ and are never zero. */
export function blobBytes(seed: number, offset: number, length: number): Buffer {
  const first = Math.floor(offset / BLOCK_BYTES);
  const last = Math.ceil((offset + length) / BLOCK_BYTES);
  const blocks: Buffer[] = [];
  for (let block = first; block < last; block += 1) {
    blocks.push(Buffer.alloc(BLOCK_BYTES, `blob ${seed} block ${block};`));
  }
  const start = offset - first * BLOCK_BYTES;
  return Buffer.concat(blocks).subarray(start, start + length);
}

export class TestBlob implements DriverBlob {
  readonly blobId: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly readyMap: SharedArrayBuffer;
  /** Ranges that were asked for. */
  readonly asked: { readonly offset: number; readonly length: number }[] = [];
  isComplete = false;
  /** Replaces fetching when set. */
  fetch: ((offset: number, length: number) => Promise<unknown>) | undefined;
  readonly #seed: number;
  readonly #fd: number;

  constructor(path: string, seed: number, blocks: number) {
    this.#seed = seed;
    this.blobId = seed.toString(16).padStart(64, '0');
    this.path = path;
    this.sizeBytes = blocks * BLOCK_BYTES;
    this.readyMap = new SharedArrayBuffer(Math.ceil(blocks / 8));
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    ftruncateSync(this.#fd, this.sizeBytes);
  }

  async ensure(offset: number, length: number): Promise<unknown> {
    this.asked.push({ offset, length });
    if (this.fetch !== undefined) return this.fetch(offset, length);
    this.fill(offset, length);
    return undefined;
  }

  fill(offset: number, length: number): void {
    const start = Math.floor(offset / BLOCK_BYTES) * BLOCK_BYTES;
    const end = Math.min(this.sizeBytes, Math.ceil((offset + length) / BLOCK_BYTES) * BLOCK_BYTES);
    writeSync(this.#fd, blobBytes(this.#seed, start, end - start), 0, end - start, start);
    const map = new Uint8Array(this.readyMap);
    for (let block = start / BLOCK_BYTES; block < end / BLOCK_BYTES; block += 1) {
      Atomics.or(map, block >> 3, 1 << (block & 7));
    }
  }

  complete(): void {
    this.fill(0, this.sizeBytes);
    this.isComplete = true;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
