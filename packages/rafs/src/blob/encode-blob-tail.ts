/**
 * What follows the chunk data of a blob (docs/format.md, "Sections"): chunk-info array and header,
 * chunk digests, table of contents, each followed by its tar header.
 */
import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import type { Compressor, Digester } from '../algorithms.ts';
import { WRITTEN_BLOB_FEATURES } from '../blob-features.ts';
import type { BlobTableEntry, FirstReads } from '../blob-table-entry.ts';
import { DIGEST_SIZE } from '../blob-table-entry.ts';
import { RafsInputError } from '../errors.ts';
import { roundUp } from '../integers.ts';
import { BLOCK_SIZE } from '../layout.ts';
import { CHUNKS_PER_BLOB_MAX } from '../limits.ts';
import type { ChunkExtent } from './chunk-info.ts';
import { CHUNK_INFO_V1_SIZE, encodeChunkInfoV1 } from './chunk-info.ts';
import type { ChunkInfoHeader } from './chunk-info-header.ts';
import { CHUNK_INFO_HEADER_SIZE, encodeChunkInfoHeader } from './chunk-info-header.ts';
import { encodeSectionHeader, SECTION_HEADER_SIZE, SectionName } from './section-header.ts';
import { encodeToc, type TocCompressor, type TocEntry } from './toc.ts';

/** Chunks of a blob in the order of their index. */
export type BlobChunks = {
  readonly count: number;
  digest(index: number): Buffer;
  extent(index: number): ChunkExtent;
};

export type BlobTailInput = {
  /** Bytes of chunk data already written. */
  readonly dataSize: number;
  /** SHA-256 of the chunk data and `imageBlobHeader(dataSize)` after it. */
  readonly dataDigest: Buffer;
  /** Bytes of the device file: the sum of the chunk sizes, each rounded up to 4096. */
  readonly uncompressedSize: number;
  readonly chunkSize: number;
  readonly compressor: Compressor;
  readonly digester: Digester;
  readonly chunks: BlobChunks;
  /** Whether the chunk-info array is compressed with zstd where that helps. @default true */
  readonly compressChunkInfo?: boolean;
  /** @default unknown */
  readonly firstReads?: FirstReads | undefined;
};

export type BlobTail = {
  /** To be written after the chunk data, in order; the first is `imageBlobHeader(dataSize)`. */
  readonly parts: readonly Buffer[];
  /** The blob's entry in the blob table, but for its name and position. */
  readonly entry: Omit<BlobTableEntry, 'blobId' | 'blobIndex'>;
  /** The `.blob.meta` file that goes into the bootstrap layer. */
  readonly metaFile: Buffer;
};

/** The tar header right after the chunk data; part of what `dataDigest` covers. */
export function imageBlobHeader(dataSize: number): Buffer {
  return encodeSectionHeader(SectionName.data, dataSize);
}

/** Throws ERR_RAFS_INPUT for a blob without chunks, or chunks that do not fit their fields. */
export function encodeBlobTail(input: BlobTailInput): BlobTail {
  if (input.chunks.count < 1 || input.chunks.count > CHUNKS_PER_BLOB_MAX) {
    throw new RafsInputError(`a blob cannot have ${input.chunks.count} chunks`);
  }
  const array = encodeArray(input.chunks);
  const stored = storeArray(array, input.compressChunkInfo ?? true);
  const header: ChunkInfoHeader = {
    features: WRITTEN_BLOB_FEATURES,
    compressor: stored.compressor,
    entries: input.chunks.count,
    offset: input.dataSize + SECTION_HEADER_SIZE,
    compressedSize: stored.bytes.length,
    uncompressedSize: array.length,
    contextOffset: 0,
    contextSize: 0,
    contextCount: 0,
  };
  const headerBytes = encodeChunkInfoHeader(header);
  const metaSize = stored.bytes.length + CHUNK_INFO_HEADER_SIZE;
  const digests = encodeDigests(input.chunks);
  const toc = encodeToc(tocEntries(input, header, array, headerBytes, digests));
  const sections = [
    imageBlobHeader(input.dataSize),
    stored.bytes,
    headerBytes,
    encodeSectionHeader(SectionName.chunkInfo, metaSize),
    digests,
    encodeSectionHeader(SectionName.digests, digests.length),
  ];
  return {
    parts: [...sections, toc],
    entry: describe(input, header, sections, toc),
    metaFile: encodeBlobMetaFile(array, headerBytes),
  };
}

/** The cache-file shape of chunk-info: the array uncompressed, padded to 4 KiB, then its header. */
export function encodeBlobMetaFile(array: Buffer, header: Buffer): Buffer {
  const padding = Buffer.alloc(roundUp(array.length, BLOCK_SIZE) - array.length);
  return Buffer.concat([array, padding, header]);
}

function encodeArray(chunks: BlobChunks): Buffer {
  const array = Buffer.alloc(chunks.count * CHUNK_INFO_V1_SIZE);
  for (let index = 0; index < chunks.count; index++) {
    encodeChunkInfoV1(chunks.extent(index), array, index * CHUNK_INFO_V1_SIZE);
  }
  return array;
}

function encodeDigests(chunks: BlobChunks): Buffer {
  const digests = Buffer.alloc(chunks.count * DIGEST_SIZE);
  for (let index = 0; index < chunks.count; index++) {
    chunks.digest(index).copy(digests, index * DIGEST_SIZE, 0, DIGEST_SIZE);
  }
  return digests;
}

/** zstd or nothing: readers of the table of contents cannot undo lz4_block. */
function storeArray(
  array: Buffer,
  compress: boolean,
): { readonly compressor: TocCompressor & Compressor; readonly bytes: Buffer } {
  const packed = compress ? zstdCompressSync(array) : array;
  return packed.length < array.length
    ? { compressor: 'zstd', bytes: packed }
    : { compressor: 'none', bytes: array };
}

function tocEntries(
  input: BlobTailInput,
  header: ChunkInfoHeader,
  array: Buffer,
  headerBytes: Buffer,
  digests: Buffer,
): TocEntry[] {
  const headerOffset = header.offset + header.compressedSize;
  return [
    {
      name: SectionName.data,
      compressor: 'none',
      digest: input.dataDigest,
      offset: 0,
      storedSize: input.dataSize,
      uncompressedSize: input.uncompressedSize,
    },
    {
      name: SectionName.chunkInfo,
      compressor: header.compressor === 'zstd' ? 'zstd' : 'none',
      digest: sha256(array),
      offset: header.offset,
      storedSize: header.compressedSize,
      uncompressedSize: header.uncompressedSize,
    },
    plainEntry(SectionName.chunkInfoHeader, headerBytes, headerOffset),
    plainEntry(
      SectionName.digests,
      digests,
      headerOffset + CHUNK_INFO_HEADER_SIZE + SECTION_HEADER_SIZE,
    ),
  ];
}

function plainEntry(name: SectionName, bytes: Buffer, offset: number): TocEntry {
  const size = bytes.length;
  const digest = sha256(bytes);
  return { name, compressor: 'none', digest, offset, storedSize: size, uncompressedSize: size };
}

function describe(
  input: BlobTailInput,
  header: ChunkInfoHeader,
  sections: readonly Buffer[],
  toc: Buffer,
): BlobTail['entry'] {
  return {
    chunkSize: input.chunkSize,
    chunkCount: input.chunks.count,
    compressor: input.compressor,
    digester: input.digester,
    features: header.features,
    compressedSize: sections.reduce((sum, { length }) => sum + length, input.dataSize),
    uncompressedSize: input.uncompressedSize,
    tocSize: toc.length,
    ciCompressor: header.compressor,
    ciOffset: header.offset,
    ciCompressedSize: header.compressedSize,
    ciUncompressedSize: header.uncompressedSize,
    tocDigest: sha256(toc),
    metaDigest: Buffer.alloc(DIGEST_SIZE),
    metaSize: 0,
    cipher: undefined,
    firstReads: input.firstReads,
  };
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
