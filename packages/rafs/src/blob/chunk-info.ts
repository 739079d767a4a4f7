/**
 * Chunk-info entries, 16 bytes (v1) or 24 bytes (v2) (docs/format.md, "Chunk-info entries"): where a
 * chunk lies compressed and uncompressed. Words are bit fields, handled here as 32-bit halves.
 */
import { RafsInputError } from '../errors.ts';
import { BLOCK_SIZE } from '../layout.ts';
import {
  BLOB_COMPRESSED_BYTES_MAX,
  BLOB_UNCOMPRESSED_BYTES_MAX,
  CHUNK_SIZE_MAX,
} from '../limits.ts';

export const CHUNK_INFO_V1_SIZE = 16;
export const CHUNK_INFO_V2_SIZE = 24;
const U32 = 2 ** 32;

export const ChunkInfoFlag = {
  compressed: 0x1,
  zran: 0x2,
  batch: 0x4,
  encrypted: 0x8,
  hasCrc32c: 0x10,
} as const;

export type ChunkInfo = {
  /** Byte offset in the device file, a multiple of 4096. */
  readonly uncompressedOffset: number;
  readonly uncompressedSize: number;
  /** Byte offset in the blob; of a batch member, where the batch starts. */
  readonly compressedOffset: number;
  /** Bytes in the blob; 0 for batch members. */
  readonly compressedSize: number;
  /** Bits of `ChunkInfoFlag`. */
  readonly flags: number;
  /** CRC-32C, or offset in the uncompressed batch, by flags. */
  readonly dataLow: number;
  /** Number of the batch, by flags. */
  readonly dataHigh: number;
};

/** The four numbers a v1 entry holds. */
export type ChunkExtent = Pick<
  ChunkInfo,
  'uncompressedOffset' | 'uncompressedSize' | 'compressedOffset' | 'compressedSize'
>;

/** Writes 16 bytes. A v1 chunk counts as compressed when its two sizes differ. */
export function encodeChunkInfoV1(chunk: ChunkExtent, bytes: Buffer, offset: number): void {
  checkExtent(chunk);
  const rawSize = chunk.uncompressedSize - 1;
  const storedSize = chunk.compressedSize - 1;
  const rawLow = (chunk.uncompressedOffset % U32) + ((rawSize >>> 20) << 8);
  const rawHigh = ((rawSize & 0xf_ffff) << 12) | Math.floor(chunk.uncompressedOffset / U32);
  const storedHigh =
    ((storedSize & 0xf_ffff) << 12) |
    ((storedSize >>> 20) << 8) |
    Math.floor(chunk.compressedOffset / U32);
  bytes.writeUInt32LE(rawLow, offset);
  bytes.writeUInt32LE(rawHigh >>> 0, offset + 4);
  bytes.writeUInt32LE(chunk.compressedOffset % U32, offset + 8);
  bytes.writeUInt32LE(storedHigh >>> 0, offset + 12);
}

export function decodeChunkInfoV1(bytes: Buffer, offset: number): ChunkInfo {
  const rawLow = bytes.readUInt32LE(offset);
  const rawHigh = bytes.readUInt32LE(offset + 4);
  const storedHigh = bytes.readUInt32LE(offset + 12);
  const uncompressedSize = ((((rawLow >>> 8) & 0xf) << 20) | (rawHigh >>> 12)) + 1;
  const compressedSize = ((((storedHigh >>> 8) & 0xf) << 20) | (storedHigh >>> 12)) + 1;
  return {
    uncompressedOffset: (rawHigh & 0xfff) * U32 + rawLow - (rawLow % BLOCK_SIZE),
    uncompressedSize,
    compressedOffset: (storedHigh & 0xff) * U32 + bytes.readUInt32LE(offset + 8),
    compressedSize,
    flags: compressedSize === uncompressedSize ? 0 : ChunkInfoFlag.compressed,
    dataLow: 0,
    dataHigh: 0,
  };
}

/** Writes 24 bytes. */
export function encodeChunkInfoV2(chunk: ChunkInfo, bytes: Buffer, offset: number): void {
  checkExtent({ ...chunk, compressedSize: Math.max(chunk.compressedSize, 1) });
  const rawHigh = (chunk.flags << 24) | (chunk.uncompressedSize - 1);
  const storedHigh = (chunk.compressedSize << 8) | Math.floor(chunk.compressedOffset / U32);
  bytes.writeUInt32LE(chunk.uncompressedOffset / BLOCK_SIZE, offset);
  bytes.writeUInt32LE(rawHigh >>> 0, offset + 4);
  bytes.writeUInt32LE(chunk.compressedOffset % U32, offset + 8);
  bytes.writeUInt32LE(storedHigh >>> 0, offset + 12);
  bytes.writeUInt32LE(chunk.dataLow, offset + 16);
  bytes.writeUInt32LE(chunk.dataHigh, offset + 20);
}

export function decodeChunkInfoV2(bytes: Buffer, offset: number): ChunkInfo {
  const rawHigh = bytes.readUInt32LE(offset + 4);
  const storedHigh = bytes.readUInt32LE(offset + 12);
  return {
    uncompressedOffset: bytes.readUInt32LE(offset) * BLOCK_SIZE,
    uncompressedSize: (rawHigh & 0xff_ffff) + 1,
    compressedOffset: (storedHigh & 0xff) * U32 + bytes.readUInt32LE(offset + 8),
    compressedSize: storedHigh >>> 8,
    flags: rawHigh >>> 24,
    dataLow: bytes.readUInt32LE(offset + 16),
    dataHigh: bytes.readUInt32LE(offset + 20),
  };
}

/** Batch context, 40 bytes after the v2 entries: two sizes and 32 zero bytes. */
export const BATCH_CONTEXT_SIZE = 40;

export type BatchContext = { readonly compressedSize: number; readonly uncompressedSize: number };

export function encodeBatchContext(context: BatchContext, bytes: Buffer, offset: number): void {
  bytes.writeUInt32LE(context.compressedSize, offset);
  bytes.writeUInt32LE(context.uncompressedSize, offset + 4);
}

export function decodeBatchContext(bytes: Buffer, offset: number): BatchContext {
  return {
    compressedSize: bytes.readUInt32LE(offset),
    uncompressedSize: bytes.readUInt32LE(offset + 4),
  };
}

function checkExtent(chunk: ChunkExtent): void {
  const fits =
    chunk.uncompressedOffset % BLOCK_SIZE === 0 &&
    chunk.uncompressedOffset >= 0 &&
    chunk.uncompressedOffset + chunk.uncompressedSize <= BLOB_UNCOMPRESSED_BYTES_MAX &&
    chunk.compressedOffset >= 0 &&
    chunk.compressedOffset + chunk.compressedSize <= BLOB_COMPRESSED_BYTES_MAX &&
    isChunkLength(chunk.uncompressedSize) &&
    isChunkLength(chunk.compressedSize);
  if (!fits) throw new RafsInputError('a chunk does not fit the fields of chunk-info');
}

function isChunkLength(size: number): boolean {
  return Number.isInteger(size) && size >= 1 && size <= CHUNK_SIZE_MAX;
}
