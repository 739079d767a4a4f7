/**
 * nydusd's chunk map (rafs-v6, section 8): a header of 4096 bytes, then one bit for each chunk,
 * most significant first, set when the chunk is in the device file. Here a set bit means durable.
 */
import { CHUNKS_PER_BLOB_MAX } from '@shoal/rafs';
import { ChunkMapError } from '../errors.ts';

export const CHUNK_MAP_HEADER_BYTES = 4096;
const MAGIC1 = 0x424d_4150;
const MAGIC2 = 0x434d_4150;
const MAGIC_ALL_READY = 0x4d4d_4150;
const VERSION = 1;
const AT = { magic1: 0, version: 4, magic2: 8, allReady: 12 } as const;

export function bitmapBytes(count: number): number {
  return (count + 7) >> 3;
}

export function chunkMapBytes(count: number): number {
  return CHUNK_MAP_HEADER_BYTES + bitmapBytes(count);
}

export function hasBit(bitmap: Uint8Array, index: number): boolean {
  return ((bitmap[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0;
}

export function setBit(bitmap: Uint8Array, index: number): void {
  bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (0x80 >> (index & 7));
}

export function clearBit(bitmap: Uint8Array, index: number): void {
  bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) & ~(0x80 >> (index & 7));
}

export function countBits(bitmap: Uint8Array): number {
  let count = 0;
  for (let index = 0; index < bitmap.length * 8; index++) if (hasBit(bitmap, index)) count++;
  return count;
}

/** The header; its "all ready" mark makes nydusd skip the bits. */
export function encodeChunkMapHeader(isAllReady: boolean): Buffer {
  const header = Buffer.alloc(CHUNK_MAP_HEADER_BYTES);
  header.writeUInt32LE(MAGIC1, AT.magic1);
  header.writeUInt32LE(VERSION, AT.version);
  header.writeUInt32LE(MAGIC2, AT.magic2);
  header.writeUInt32LE(isAllReady ? MAGIC_ALL_READY : 0, AT.allReady);
  return header;
}

/**
 * The bitmap of a map for `count` chunks, a copy. A file of zeros is a map whose writer was
 * interrupted: no bit. Throws ERR_BLOB_STORE_CHUNK_MAP for anything else that is not a map.
 */
export function decodeChunkMap(bytes: Buffer, count: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(count) || count < 1 || count > CHUNKS_PER_BLOB_MAX) {
    throw new ChunkMapError(`a chunk map cannot have ${count} chunks`);
  }
  if (bytes.length !== chunkMapBytes(count)) {
    throw new ChunkMapError(
      `a chunk map of ${count} chunks has ${chunkMapBytes(count)} bytes, not ${bytes.length}`,
    );
  }
  const bitmap = new Uint8Array(bytes.subarray(CHUNK_MAP_HEADER_BYTES));
  if (bytes.readUInt32LE(AT.magic1) !== MAGIC1) {
    if (bytes.every((byte) => byte === 0)) return bitmap;
    throw new ChunkMapError('not a chunk map: the magic number is another');
  }
  // Version 0 had the first magic number only and no "all ready" mark.
  if (bytes.readUInt32LE(AT.version) === 0) return bitmap;
  if (bytes.readUInt32LE(AT.magic2) !== MAGIC2) {
    throw new ChunkMapError('not a chunk map: the second magic number is another');
  }
  return bytes.readUInt32LE(AT.allReady) === MAGIC_ALL_READY ? bitmap.fill(0xff) : bitmap;
}
