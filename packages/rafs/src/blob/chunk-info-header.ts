/**
 * Header of a chunk-info array, 4096 bytes right after it (docs/format.md, "Chunk-info header"). It
 * repeats what the blob table says, and readers compare.
 */
import type { Compressor } from '../algorithms.ts';
import { compressorNumber, compressorOf } from '../algorithms.ts';
import { RafsCorruptError } from '../errors.ts';
import { readU64, writeU64 } from '../integers.ts';

export const CHUNK_INFO_HEADER_SIZE = 4096;
export const CHUNK_INFO_MAGIC = 0xb10b_b10b;

export const CHUNK_INFO_HEADER_FIELD = {
  magic: 0,
  features: 4,
  compressor: 8,
  entries: 12,
  offset: 16,
  compressedSize: 24,
  uncompressedSize: 32,
  contextOffset: 40,
  contextSize: 48,
  contextCount: 56,
  reserved: 60,
  magicEnd: 4092,
} as const;
const AT = CHUNK_INFO_HEADER_FIELD;
const WHERE = 'chunk-info header';

export type ChunkInfoHeader = {
  /** Bits of `BlobFeature`. */
  readonly features: number;
  readonly compressor: Compressor;
  readonly entries: number;
  /** Where the array starts in the blob. */
  readonly offset: number;
  readonly compressedSize: number;
  /** Entries and contexts. */
  readonly uncompressedSize: number;
  /** Where batch or zran contexts start in the uncompressed array; 0 when there are none. */
  readonly contextOffset: number;
  readonly contextSize: number;
  readonly contextCount: number;
};

export function encodeChunkInfoHeader(header: ChunkInfoHeader): Buffer {
  const bytes = Buffer.alloc(CHUNK_INFO_HEADER_SIZE);
  bytes.writeUInt32LE(CHUNK_INFO_MAGIC, AT.magic);
  bytes.writeUInt32LE(header.features, AT.features);
  bytes.writeUInt32LE(compressorNumber(header.compressor), AT.compressor);
  bytes.writeUInt32LE(header.entries, AT.entries);
  writeU64(bytes, header.offset, AT.offset);
  writeU64(bytes, header.compressedSize, AT.compressedSize);
  writeU64(bytes, header.uncompressedSize, AT.uncompressedSize);
  writeU64(bytes, header.contextOffset, AT.contextOffset);
  writeU64(bytes, header.contextSize, AT.contextSize);
  bytes.writeUInt32LE(header.contextCount, AT.contextCount);
  bytes.writeUInt32LE(CHUNK_INFO_MAGIC, AT.magicEnd);
  return bytes;
}

/** Reads 4096 bytes. */
export function decodeChunkInfoHeader(bytes: Buffer): ChunkInfoHeader {
  const magics = [bytes.readUInt32LE(AT.magic), bytes.readUInt32LE(AT.magicEnd)];
  if (magics.some((magic) => magic !== CHUNK_INFO_MAGIC)) {
    throw new RafsCorruptError(WHERE, 'wrong magic number');
  }
  return {
    features: bytes.readUInt32LE(AT.features),
    compressor: compressorOf(bytes.readUInt32LE(AT.compressor), WHERE),
    entries: bytes.readUInt32LE(AT.entries),
    offset: readU64(bytes, AT.offset, WHERE),
    compressedSize: readU64(bytes, AT.compressedSize, WHERE),
    uncompressedSize: readU64(bytes, AT.uncompressedSize, WHERE),
    contextOffset: readU64(bytes, AT.contextOffset, WHERE),
    contextSize: readU64(bytes, AT.contextSize, WHERE),
    contextCount: bytes.readUInt32LE(AT.contextCount),
  };
}
