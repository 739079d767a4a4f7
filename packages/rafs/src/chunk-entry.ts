/**
 * Chunk entry, 8 bytes, after the inode of a regular file (docs/format.md, "Chunk entries"). It is
 * read twice: nydusd takes blob and chunk index, the kernel takes device id and block address.
 */
import { RafsCorruptError } from './errors.ts';

export const CHUNK_ENTRY_SIZE = 8;
const CHUNK_FORMAT_INDEXES = 0x20;
const CHUNK_FORMAT_BITS = 0x1f;

export type ChunkEntry = {
  readonly blobIndex: number;
  readonly chunkIndex: number;
  /** Where the chunk starts in the device, in 4 KiB blocks. */
  readonly blockAddress: number;
};

export function encodeChunkEntry(entry: ChunkEntry, bytes: Buffer, offset: number): void {
  bytes.writeUInt16LE(entry.chunkIndex & 0xffff, offset);
  bytes.writeUInt16LE(((entry.chunkIndex >>> 16) << 8) | (entry.blobIndex + 1), offset + 2);
  bytes.writeUInt32LE(entry.blockAddress, offset + 4);
}

/** Reads 8 bytes at `offset`; throws ERR_RAFS_CORRUPT for device 0, the bootstrap itself. */
export function decodeChunkEntry(bytes: Buffer, offset: number): ChunkEntry {
  const high = bytes.readUInt16LE(offset + 2);
  const deviceId = high & 0xff;
  if (deviceId === 0) throw new RafsCorruptError('chunk entry', 'it names no blob');
  return {
    blobIndex: deviceId - 1,
    chunkIndex: ((high >>> 8) << 16) | bytes.readUInt16LE(offset),
    blockAddress: bytes.readUInt32LE(offset + 4),
  };
}

/** `i_u` of a regular file: entries are 8 bytes, chunks are 2^(12+n) bytes. */
export function encodeChunkFormat(chunkSize: number): number {
  return CHUNK_FORMAT_INDEXES | (Math.log2(chunkSize) - 12);
}

/** Chunk size, in bytes, by which the kernel reads the entries of a file. */
export function decodeChunkFormat(format: number): number {
  if (
    (format & CHUNK_FORMAT_INDEXES) === 0 ||
    format > (CHUNK_FORMAT_INDEXES | CHUNK_FORMAT_BITS)
  ) {
    throw new RafsCorruptError('inode', `unknown chunk format 0x${format.toString(16)}`);
  }
  return 2 ** (12 + (format & CHUNK_FORMAT_BITS));
}
