/**
 * Small blobs made in memory, the same for the same seed: their description, their stored bytes and
 * what their device file must hold.
 */
import { createHash } from 'node:crypto';
import type { BlobId } from '@shoal/oci';
import { parseBlobId } from '@shoal/oci';
import type { Compressor } from '@shoal/rafs';
import { encryptUnit } from '@shoal/rafs/xts';
import type { CipherKey } from '../../src/codec/codec-jobs.ts';
import { compressChunk } from '../../src/codec/compression.ts';
import type { BlobDescription } from '../../src/index.ts';
import { CHUNK_FLAG } from '../../src/index.ts';

export type SampleOptions = {
  readonly seed?: number;
  /** Bytes of each chunk. */
  readonly sizes: readonly number[];
  readonly compressor?: Compressor;
  readonly cipherKey?: CipherKey;
  /** Chunk numbers [first, end) stored as one batch each. */
  readonly batches?: readonly (readonly [number, number])[];
};

export type SampleBlob = {
  readonly blobId: BlobId;
  readonly description: BlobDescription;
  readonly stored: Buffer;
  readonly device: Buffer;
};

/** Deterministic bytes that compress to about a half. */
export function sampleBytes(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = (state >>> 24) & 0x0f;
  }
  return bytes;
}

export function sampleBlob(options: SampleOptions): SampleBlob {
  const { seed = 1, sizes, compressor = 'zstd', cipherKey, batches = [] } = options;
  const raws = sizes.map((size, index) => sampleBytes(seed * 1000 + index, size));
  const count = sizes.length;
  const chunks = {
    count,
    storedOffset: new Float64Array(count),
    storedSize: new Uint32Array(count),
    offset: new Float64Array(count),
    size: Uint32Array.from(sizes),
    unitSize: new Uint32Array(count),
    unitOffset: new Uint32Array(count),
    flags: new Uint8Array(count),
    digests: new Uint8Array(count * 32),
  };
  const parts: Buffer[] = [];
  let storedAt = 0;
  let deviceAt = 0;
  for (let first = 0; first < count; ) {
    const batch = batches.find(([start]) => start === first);
    const end = batch?.[1] ?? first + 1;
    const raw = Buffer.concat(raws.slice(first, end));
    const packed = compressChunk(raw, compressor);
    const plain = Buffer.from(packed ?? raw);
    const unit = cipherKey === undefined ? plain : Buffer.from(encryptUnit(plain, cipherKey));
    let unitOffset = 0;
    for (let index = first; index < end; index++) {
      const size = sizes[index] ?? 0;
      chunks.storedOffset[index] = storedAt;
      chunks.storedSize[index] = unit.length;
      chunks.offset[index] = deviceAt;
      chunks.unitSize[index] = raw.length;
      chunks.unitOffset[index] = unitOffset;
      chunks.flags[index] =
        (packed === undefined ? 0 : CHUNK_FLAG.compressed) |
        (cipherKey === undefined ? 0 : CHUNK_FLAG.encrypted) |
        (batch === undefined ? 0 : CHUNK_FLAG.batch);
      chunks.digests.set(sha256(raws[index] ?? Buffer.alloc(0)), index * 32);
      unitOffset += size;
      deviceAt += Math.ceil(size / 4096) * 4096;
    }
    parts.push(unit);
    storedAt += unit.length;
    first = end;
  }
  const stored = Buffer.concat([...parts, Buffer.alloc(100, 'tail')]);
  const device = Buffer.alloc(deviceAt);
  for (const [index, raw] of raws.entries()) raw.copy(device, chunks.offset[index]);
  const blobId = parseBlobId(sha256(stored).toString('hex'));
  const description: BlobDescription = {
    blobId,
    storedBytes: stored.length,
    sizeBytes: deviceAt,
    compressor,
    digester: 'sha256',
    chunks,
    ...(cipherKey === undefined ? {} : { cipherKey }),
  };
  return { blobId, description, stored, device };
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Whether a block of 4 KiB is marked ready. */
export function isBlockReady(readyMap: SharedArrayBuffer, block: number): boolean {
  return ((new Uint8Array(readyMap)[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
}

export function readyBlocks(readyMap: SharedArrayBuffer, blocks: number): number {
  let ready = 0;
  for (let block = 0; block < blocks; block++) if (isBlockReady(readyMap, block)) ready++;
  return ready;
}
