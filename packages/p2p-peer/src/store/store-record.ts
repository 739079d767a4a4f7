/**
 * The records of a store's index, big-endian, each with the CRC-32 of its key and itself at the end.
 *
 * Of a blob:    version 1, flags 1 (bit 0: complete), size 8, inode of its file 8, generation 8,
 *               bytes held 8, last use in ms 8.
 * Of a segment: version 1, generation 8, mask of known piece hashes 8, the hashes, 32 bytes each,
 *               held ranges as in `ranges/range-codec.ts`, counted from where the segment starts.
 * Of places:    version 1, size of the blob 8, repositories, a zero between two of them.
 *
 * The generation is drawn when the file is made: what older files held is never taken for this one's.
 */
import { crc32 } from 'node:zlib';
import { RangeSetFormatError, StoreRecordError } from '../errors.ts';
import { IMAGES_OF_BLOB_MAX, STORED_BLOB_BYTES_MAX } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { decodeRanges, encodeRanges } from '../ranges/range-codec.ts';
import { SEGMENT_BYTES } from './limits.ts';
import { HASH_BYTES, type SegmentHashes } from './piece-hashes.ts';
import { SEGMENT_PIECES } from './segments.ts';

const VERSION = 1;
const CRC_BYTES = 4;
const COMPLETE = 1;
const BLOB_RECORD_BYTES = 42;
const SEGMENT_HEADER_BYTES = 17;
const PLACES_HEADER_BYTES = 9;

export type BlobRecord = {
  readonly sizeBytes: number;
  readonly inode: bigint;
  readonly generation: bigint;
  readonly heldBytes: number;
  readonly lastUseMs: number;
  /** The digest of the whole was compared. */
  readonly isComplete: boolean;
};

export type SegmentRecord = {
  readonly generation: bigint;
  readonly hashes: SegmentHashes;
  /** Counted from where the segment starts. */
  readonly held: readonly ByteRange[];
};

/** Where a blob has been read from. */
export type PlacesRecord = {
  readonly sizeBytes: number;
  /** `registry/repository`. */
  readonly repositories: readonly string[];
};

export function encodeBlobRecord(key: string, record: BlobRecord): Buffer {
  const bytes = Buffer.alloc(BLOB_RECORD_BYTES);
  bytes.writeUInt8(VERSION, 0);
  bytes.writeUInt8(record.isComplete ? COMPLETE : 0, 1);
  bytes.writeBigUInt64BE(BigInt(record.sizeBytes), 2);
  bytes.writeBigUInt64BE(record.inode, 10);
  bytes.writeBigUInt64BE(record.generation, 18);
  bytes.writeBigUInt64BE(BigInt(record.heldBytes), 26);
  bytes.writeBigUInt64BE(BigInt(record.lastUseMs), 34);
  return sealed(key, bytes);
}

/** Throws `ERR_P2P_STORE_RECORD`. */
export function decodeBlobRecord(key: string, sealedBytes: Buffer): BlobRecord {
  const bytes = unsealed(key, sealedBytes);
  if (bytes.length !== BLOB_RECORD_BYTES) throw new StoreRecordError(key, 'it has another length');
  requireVersion(key, bytes);
  const flags = bytes.readUInt8(1);
  if ((flags & ~COMPLETE) !== 0) throw new StoreRecordError(key, `flags ${flags}`);
  const sizeBytes = readNumber(key, bytes, 2, STORED_BLOB_BYTES_MAX);
  return {
    sizeBytes,
    inode: bytes.readBigUInt64BE(10),
    generation: bytes.readBigUInt64BE(18),
    heldBytes: readNumber(key, bytes, 26, sizeBytes),
    lastUseMs: readNumber(key, bytes, 34, Number.MAX_SAFE_INTEGER),
    isComplete: flags === COMPLETE,
  };
}

export function encodeSegmentRecord(key: string, record: SegmentRecord): Buffer {
  const { known, hashes } = record.hashes;
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeBigUInt64BE(record.generation, 1);
  header.writeBigUInt64BE(known, 9);
  const parts = knownPieces(known).map((piece) => hashAt(hashes, piece));
  return sealed(key, Buffer.concat([header, ...parts, encodeRanges(record.held)]));
}

/** Throws `ERR_P2P_STORE_RECORD`. */
export function decodeSegmentRecord(key: string, sealedBytes: Buffer): SegmentRecord {
  const bytes = unsealed(key, sealedBytes);
  if (bytes.length < SEGMENT_HEADER_BYTES) throw new StoreRecordError(key, 'it is cut short');
  requireVersion(key, bytes);
  const known = bytes.readBigUInt64BE(9);
  const pieces = knownPieces(known);
  const rangesAt = SEGMENT_HEADER_BYTES + pieces.length * HASH_BYTES;
  if (bytes.length < rangesAt) throw new StoreRecordError(key, 'it is cut short');
  const hashes = new Uint8Array(SEGMENT_PIECES * HASH_BYTES);
  for (const [index, piece] of pieces.entries()) {
    hashes.set(hashAt(bytes.subarray(SEGMENT_HEADER_BYTES), index), piece * HASH_BYTES);
  }
  try {
    const held = decodeRanges(bytes.subarray(rangesAt), { endMax: SEGMENT_BYTES });
    return { generation: bytes.readBigUInt64BE(1), hashes: { known, hashes }, held };
  } catch (error) {
    if (!(error instanceof RangeSetFormatError)) throw error;
    throw new StoreRecordError(key, error.message, { cause: error });
  }
}

export function encodePlacesRecord(key: string, { sizeBytes, repositories }: PlacesRecord): Buffer {
  const header = Buffer.alloc(PLACES_HEADER_BYTES);
  header.writeUInt8(VERSION, 0);
  header.writeBigUInt64BE(BigInt(sizeBytes), 1);
  return sealed(key, Buffer.concat([header, Buffer.from(repositories.join('\0'))]));
}

/** Throws `ERR_P2P_STORE_RECORD`. */
export function decodePlacesRecord(key: string, sealedBytes: Buffer): PlacesRecord {
  const bytes = unsealed(key, sealedBytes);
  if (bytes.length <= PLACES_HEADER_BYTES) throw new StoreRecordError(key, 'it is cut short');
  requireVersion(key, bytes);
  const text = bytes.toString('utf8', PLACES_HEADER_BYTES);
  if (!Buffer.from(text).equals(bytes.subarray(PLACES_HEADER_BYTES))) {
    throw new StoreRecordError(key, 'its places are no text');
  }
  const repositories = text.split('\0');
  if (repositories.length > IMAGES_OF_BLOB_MAX) throw new StoreRecordError(key, 'too many places');
  return { sizeBytes: readNumber(key, bytes, 1, STORED_BLOB_BYTES_MAX), repositories };
}

function sealed(key: string, bytes: Buffer): Buffer {
  const crc = Buffer.alloc(CRC_BYTES);
  crc.writeUInt32BE(checksum(key, bytes));
  return Buffer.concat([bytes, crc]);
}

function unsealed(key: string, bytes: Buffer): Buffer {
  const end = bytes.length - CRC_BYTES;
  if (end < 1) throw new StoreRecordError(key, 'it is cut short');
  const body = bytes.subarray(0, end);
  if (bytes.readUInt32BE(end) !== checksum(key, body)) {
    throw new StoreRecordError(key, 'its checksum is another');
  }
  return body;
}

function checksum(key: string, bytes: Buffer): number {
  return crc32(bytes, crc32(key));
}

function requireVersion(key: string, bytes: Buffer): void {
  const version = bytes.readUInt8(0);
  if (version !== VERSION) throw new StoreRecordError(key, `version ${version}`);
}

function readNumber(key: string, bytes: Buffer, at: number, max: number): number {
  const value = bytes.readBigUInt64BE(at);
  if (value > BigInt(max)) throw new StoreRecordError(key, `${value} is more than ${max}`);
  return Number(value);
}

function knownPieces(known: bigint): number[] {
  const pieces: number[] = [];
  for (let piece = 0; piece < SEGMENT_PIECES; piece++) {
    if ((known >> BigInt(piece)) & 1n) pieces.push(piece);
  }
  return pieces;
}

function hashAt(hashes: Uint8Array, index: number): Uint8Array {
  return hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}
