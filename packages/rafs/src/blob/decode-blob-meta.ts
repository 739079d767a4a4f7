/**
 * Chunk-info as it is found: at the end of a blob (perhaps compressed, perhaps encrypted), or as the
 * `.blob.meta` file of a bootstrap layer or of a cache directory.
 */
import { zstdDecompressSync } from 'node:zlib';
import { checkReadableFeatures, hasBlobFeature } from '../blob-features.ts';
import type { BlobTableEntry } from '../blob-table-entry.ts';
import { DIGEST_SIZE } from '../blob-table-entry.ts';
import { RafsCorruptError, RafsUnsupportedError } from '../errors.ts';
import { roundUp } from '../integers.ts';
import { BLOCK_SIZE } from '../layout.ts';
import { BlobMeta } from './blob-meta.ts';
import { checkBlobMeta } from './check-blob-meta.ts';
import type { ChunkInfoHeader } from './chunk-info-header.ts';
import { CHUNK_INFO_HEADER_SIZE, decodeChunkInfoHeader } from './chunk-info-header.ts';
import { decodeLz4Block } from './lz4-block.ts';
import { SECTION_HEADER_SIZE } from './section-header.ts';
import { decryptUnit } from './xts.ts';

const OUTPUT_CHUNK_MIN = 64;
const OUTPUT_CHUNK_MAX = 4 << 20;

export type ByteRange = { readonly offset: number; readonly size: number };

export type BlobMetaOptions = {
  /** The blob's digest section (`digestSectionRange`). */
  readonly digests?: Buffer | undefined;
};

/** Where array and header lie in the blob: one range. */
export function chunkInfoRange(entry: BlobTableEntry): ByteRange {
  return { offset: entry.ciOffset, size: entry.ciCompressedSize + CHUNK_INFO_HEADER_SIZE };
}

/** Where the chunk digests lie in the blob; undefined when it has none. */
export function digestSectionRange(entry: BlobTableEntry): ByteRange | undefined {
  const { features } = entry;
  if (!hasBlobFeature(features, 'inlinedChunkDigest')) return undefined;
  const { offset, size } = chunkInfoRange(entry);
  const header = hasBlobFeature(features, 'hasTarHeader') ? SECTION_HEADER_SIZE : 0;
  return { offset: offset + size + header, size: entry.chunkCount * DIGEST_SIZE };
}

/** Reads the bytes of `chunkInfoRange`. Throws ERR_RAFS_CORRUPT or ERR_RAFS_UNSUPPORTED. */
export function decodeStoredChunkInfo(
  stored: Buffer,
  entry: BlobTableEntry,
  options: BlobMetaOptions = {},
): BlobMeta {
  const { size } = chunkInfoRange(entry);
  if (stored.length !== size) throw corrupt(entry, `${stored.length} bytes instead of ${size}`);
  const decrypt = (bytes: Buffer): Buffer =>
    entry.cipher === undefined ? bytes : decryptUnit(bytes, entry.cipher);
  const header = decodeChunkInfoHeader(
    headerOf(decrypt(stored.subarray(-CHUNK_INFO_HEADER_SIZE)), entry),
  );
  checkHeader(header, entry);
  const packed = decrypt(stored.subarray(0, entry.ciCompressedSize));
  return open(header, unpack(packed, entry), entry, options);
}

/** Reads a `.blob.meta` file, which has one exact size. */
export function decodeBlobMetaFile(
  file: Buffer,
  entry: BlobTableEntry,
  options: BlobMetaOptions = {},
): BlobMeta {
  const arraySize = roundUp(entry.ciUncompressedSize, BLOCK_SIZE);
  if (file.length !== arraySize + CHUNK_INFO_HEADER_SIZE) {
    throw corrupt(entry, `a file of ${file.length} bytes`);
  }
  const header = decodeChunkInfoHeader(file.subarray(arraySize));
  checkHeader(header, entry);
  return open(header, file.subarray(0, entry.ciUncompressedSize), entry, options);
}

function open(
  header: ChunkInfoHeader,
  array: Buffer,
  entry: BlobTableEntry,
  { digests }: BlobMetaOptions,
): BlobMeta {
  checkReadableFeatures(entry.features, `blob ${entry.blobId}`);
  if (digests !== undefined && digests.length !== entry.chunkCount * DIGEST_SIZE) {
    throw corrupt(entry, `${digests.length} bytes of digests for ${entry.chunkCount} chunks`);
  }
  const meta = new BlobMeta({ header, features: entry.features, array, digests });
  checkBlobMeta(meta, entry);
  return meta;
}

/** As nydusd does: everything but the features must be what the blob table says. */
function checkHeader(header: ChunkInfoHeader, entry: BlobTableEntry): void {
  const isSame =
    header.entries === entry.chunkCount &&
    header.compressor === entry.ciCompressor &&
    header.offset === entry.ciOffset &&
    header.compressedSize === entry.ciCompressedSize &&
    header.uncompressedSize === entry.ciUncompressedSize;
  if (!isSame) throw corrupt(entry, 'its header contradicts the blob table');
}

/** Decrypted headers shorter than they must be would fail to decode by accident, not by rule. */
function headerOf(bytes: Buffer, entry: BlobTableEntry): Buffer {
  if (bytes.length === CHUNK_INFO_HEADER_SIZE) return bytes;
  throw corrupt(entry, 'its header is cut');
}

function unpack(packed: Buffer, entry: BlobTableEntry): Buffer {
  const size = entry.ciUncompressedSize;
  const array = unpackBy(packed, entry, size);
  if (array.length === size) return array;
  throw corrupt(entry, `${array.length} bytes after decompression instead of ${size}`);
}

function unpackBy(packed: Buffer, entry: BlobTableEntry, size: number): Buffer {
  if (entry.ciCompressor === 'none') return packed;
  if (entry.ciCompressor === 'lz4_block') return decodeLz4Block(packed, size);
  if (entry.ciCompressor === 'gzip') {
    throw new RafsUnsupportedError(`blob ${entry.blobId}`, 'chunk-info compressed with gzip');
  }
  try {
    return zstdDecompressSync(packed, { maxOutputLength: size, chunkSize: clampedChunkSize(size) });
  } catch (cause) {
    throw corrupt(entry, 'it does not decompress', cause);
  }
}

/** One output buffer for ordinary blobs, and no gigabyte because a hostile table says so. */
function clampedChunkSize(size: number): number {
  return Math.min(Math.max(size, OUTPUT_CHUNK_MIN), OUTPUT_CHUNK_MAX);
}

function corrupt(entry: BlobTableEntry, detail: string, cause?: unknown): RafsCorruptError {
  return new RafsCorruptError('chunk-info', `blob ${entry.blobId}: ${detail}`, { cause });
}
