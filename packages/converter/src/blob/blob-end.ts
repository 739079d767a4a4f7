/**
 * What follows the chunk data of a blob, from the image's chunk index: chunk information, digests
 * and table of contents, in the sections of the format's "data blob".
 */
import { createHash } from 'node:crypto';
import type { BlobTableEntry, FirstReads } from '@shoal/rafs';
import { BLOCK_SIZE, encodeBlobTail } from '@shoal/rafs';
import type { ChunkIndex } from '../chunk/chunk-index.ts';
import type { ImageFormat } from './image-format.ts';

/** The chunks of one blob: consecutive numbers of the image's chunk index. */
export type BlobChunks = {
  readonly firstChunk: number;
  readonly chunkCount: number;
  /** Bytes of chunk data at the start of the blob. */
  readonly storedBytes: number;
  /** Size of the uncompressed address space, 4 KiB aligned. */
  readonly uncompressedBytes: number;
  /** How many of the chunks, the last ones, are first reads. */
  readonly firstReadChunks: number;
};

/** What stays known of a blob's end once it is written. */
export type BlobEndFacts = {
  /** SHA-256 of the chunk data and the tar header after it. */
  readonly dataDigest: Buffer;
  /** The blob's entry in the blob table but for its name and position. */
  readonly entry: Omit<BlobTableEntry, 'blobId' | 'blobIndex'>;
  /** The `.blob.meta` file of the bootstrap layer. */
  readonly metaFile: Buffer;
  /** SHA-256 of everything after the chunk data, hex: to compare with what reads back. */
  readonly sha256: string;
};

export type BlobEnd = {
  /** In order; the first is the tar header that `dataDigest` covers. */
  readonly parts: readonly Buffer[];
  readonly facts: BlobEndFacts;
};

export function encodeBlobEnd(
  index: ChunkIndex,
  chunks: BlobChunks,
  format: ImageFormat,
  dataDigest: Buffer,
): BlobEnd {
  const { parts, entry, metaFile } = encodeBlobTail({
    dataSize: chunks.storedBytes,
    dataDigest,
    uncompressedSize: chunks.uncompressedBytes,
    firstReads: firstReadsOf(index, chunks),
    chunkSize: format.chunkSizeBytes,
    compressor: format.compressor,
    digester: format.digester,
    chunks: {
      count: chunks.chunkCount,
      digest: (position) => index.digest(chunks.firstChunk + position),
      extent: (position) => {
        const place = index.place(chunks.firstChunk + position);
        return {
          uncompressedOffset: place.offset,
          uncompressedSize: place.size,
          compressedOffset: place.storedOffset,
          compressedSize: place.storedSize,
        };
      },
    },
  });
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return { parts, facts: { dataDigest, entry, metaFile, sha256: hash.digest('hex') } };
}

function firstReadsOf(index: ChunkIndex, chunks: BlobChunks): FirstReads | undefined {
  if (chunks.firstReadChunks === 0) return undefined;
  const first = chunks.firstChunk + chunks.chunkCount - chunks.firstReadChunks;
  const block = index.place(first).offset / BLOCK_SIZE;
  return { block, blocks: chunks.uncompressedBytes / BLOCK_SIZE - block };
}
