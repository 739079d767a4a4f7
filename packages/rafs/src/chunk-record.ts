/**
 * Chunk record, 80 bytes, of the bootstrap's chunk table (docs/format.md, "Chunk table"), which is
 * sorted by digest, then blob. It carries the digest every byte served is checked against.
 */
import { DIGEST_SIZE } from './blob-table-entry.ts';
import { readU64, writeU64 } from './integers.ts';

export const CHUNK_RECORD_SIZE = 80;

export const CHUNK_RECORD_FIELD = {
  digest: 0,
  blobIndex: 32,
  flags: 36,
  compressedSize: 40,
  uncompressedSize: 44,
  compressedOffset: 48,
  uncompressedOffset: 56,
  fileOffset: 64,
  chunkIndex: 72,
  crc32c: 76,
} as const;
const AT = CHUNK_RECORD_FIELD;
const WHERE = 'chunk record';

export const ChunkFlag = {
  compressed: 0x1,
  hole: 0x2,
  encrypted: 0x4,
  batch: 0x8,
  hasCrc32c: 0x10,
} as const;

export type ChunkRecord = {
  /** Of the uncompressed bytes, by the image's digester. */
  readonly digest: Buffer;
  readonly blobIndex: number;
  /** Bits of `ChunkFlag`. */
  readonly flags: number;
  /** 0 for members of a batch. */
  readonly compressedSize: number;
  readonly uncompressedSize: number;
  readonly compressedOffset: number;
  /** Where the chunk starts in the device file. */
  readonly uncompressedOffset: number;
  /** Offset in one of the files that hold the chunk; nothing should rely on it. */
  readonly fileOffset: number;
  readonly chunkIndex: number;
  /** CRC-32C of the uncompressed bytes when flagged, 0 otherwise. */
  readonly crc32c: number;
};

export function encodeChunkRecord(record: ChunkRecord, bytes: Buffer, offset: number): void {
  record.digest.copy(bytes, offset + AT.digest, 0, DIGEST_SIZE);
  bytes.writeUInt32LE(record.blobIndex, offset + AT.blobIndex);
  bytes.writeUInt32LE(record.flags, offset + AT.flags);
  bytes.writeUInt32LE(record.compressedSize, offset + AT.compressedSize);
  bytes.writeUInt32LE(record.uncompressedSize, offset + AT.uncompressedSize);
  writeU64(bytes, record.compressedOffset, offset + AT.compressedOffset);
  writeU64(bytes, record.uncompressedOffset, offset + AT.uncompressedOffset);
  writeU64(bytes, record.fileOffset, offset + AT.fileOffset);
  bytes.writeUInt32LE(record.chunkIndex, offset + AT.chunkIndex);
  bytes.writeUInt32LE(record.crc32c, offset + AT.crc32c);
}

/** Reads 80 bytes at `offset`. */
export function decodeChunkRecord(bytes: Buffer, offset: number): ChunkRecord {
  return {
    digest: bytes.subarray(offset + AT.digest, offset + AT.digest + DIGEST_SIZE),
    blobIndex: bytes.readUInt32LE(offset + AT.blobIndex),
    flags: bytes.readUInt32LE(offset + AT.flags),
    compressedSize: bytes.readUInt32LE(offset + AT.compressedSize),
    uncompressedSize: bytes.readUInt32LE(offset + AT.uncompressedSize),
    compressedOffset: readU64(bytes, offset + AT.compressedOffset, WHERE),
    uncompressedOffset: readU64(bytes, offset + AT.uncompressedOffset, WHERE),
    fileOffset: readU64(bytes, offset + AT.fileOffset, WHERE),
    chunkIndex: bytes.readUInt32LE(offset + AT.chunkIndex),
    crc32c: bytes.readUInt32LE(offset + AT.crc32c),
  };
}
