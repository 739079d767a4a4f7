/**
 * Chunk-info of one blob, read in place from its uncompressed array: 16 or 24 bytes a chunk, no
 * objects kept. Everything was checked when it was opened, so lookups cannot fail.
 */
import { hasBlobFeature } from '../blob-features.ts';
import { DIGEST_SIZE } from '../blob-table-entry.ts';
import type { ChunkInfo } from './chunk-info.ts';
import {
  BATCH_CONTEXT_SIZE,
  CHUNK_INFO_V1_SIZE,
  CHUNK_INFO_V2_SIZE,
  ChunkInfoFlag,
  decodeBatchContext,
  decodeChunkInfoV1,
  decodeChunkInfoV2,
} from './chunk-info.ts';
import type { ChunkInfoHeader } from './chunk-info-header.ts';
import { encodeChunkInfoHeader } from './chunk-info-header.ts';
import { encodeBlobMetaFile } from './encode-blob-tail.ts';

/** What has to be fetched and decoded to get a chunk: the chunk itself, or the batch it is in. */
export type ChunkUnit = {
  readonly compressedOffset: number;
  readonly compressedSize: number;
  readonly uncompressedSize: number;
  readonly isCompressed: boolean;
  readonly isEncrypted: boolean;
  /** Where the chunk starts in the decoded unit; 0 unless it is in a batch. */
  readonly offsetInUnit: number;
  /** Number of the batch, the same for all its members. */
  readonly batch: number | undefined;
};

export type BlobMetaParts = {
  readonly header: ChunkInfoHeader;
  /** Features of the blob table entry. */
  readonly features: number;
  /** Entries and contexts, uncompressed. */
  readonly array: Buffer;
  /** The blob's digest section, where it was read. */
  readonly digests?: Buffer | undefined;
};

export class BlobMeta {
  readonly header: ChunkInfoHeader;
  readonly features: number;
  readonly array: Buffer;
  readonly chunkCount: number;
  readonly isV2: boolean;
  readonly #digests: Buffer | undefined;
  readonly #decode: (bytes: Buffer, offset: number) => ChunkInfo;
  readonly #entrySize: number;

  /** Use `decodeStoredChunkInfo` or `decodeBlobMetaFile`, which check. */
  constructor(parts: BlobMetaParts) {
    this.header = parts.header;
    this.features = parts.features;
    this.array = parts.array;
    this.chunkCount = parts.header.entries;
    this.isV2 = hasBlobFeature(parts.features, 'chunkInfoV2');
    this.#digests = parts.digests;
    this.#decode = this.isV2 ? decodeChunkInfoV2 : decodeChunkInfoV1;
    this.#entrySize = this.isV2 ? CHUNK_INFO_V2_SIZE : CHUNK_INFO_V1_SIZE;
  }

  /** The entry as stored. */
  chunk(index: number): ChunkInfo {
    if (!Number.isInteger(index) || index < 0 || index >= this.chunkCount) {
      throw new RangeError(`the blob has ${this.chunkCount} chunks, no chunk ${index}`);
    }
    return this.#decode(this.array, index * this.#entrySize);
  }

  uncompressedOffset(index: number): number {
    return this.chunk(index).uncompressedOffset;
  }

  uncompressedSize(index: number): number {
    return this.chunk(index).uncompressedSize;
  }

  /** Where the unit that holds the chunk starts in the blob. */
  compressedOffset(index: number): number {
    return this.unit(index).compressedOffset;
  }

  /** Size of the unit that holds the chunk; members of a batch share one. */
  compressedSize(index: number): number {
    return this.unit(index).compressedSize;
  }

  isCompressed(index: number): boolean {
    return this.unit(index).isCompressed;
  }

  isBatch(index: number): boolean {
    return (this.chunk(index).flags & ChunkInfoFlag.batch) !== 0;
  }

  isEncrypted(index: number): boolean {
    return (this.chunk(index).flags & ChunkInfoFlag.encrypted) !== 0;
  }

  /** CRC-32C of the uncompressed bytes, where the blob has one. */
  crc32c(index: number): number | undefined {
    const { flags, dataLow } = this.chunk(index);
    const isPlain = (flags & ChunkInfoFlag.batch) === 0;
    return isPlain && (flags & ChunkInfoFlag.hasCrc32c) !== 0 ? dataLow : undefined;
  }

  /** Digest from the blob's digest section; undefined when that was not given. */
  digest(index: number): Buffer | undefined {
    return this.#digests?.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE);
  }

  unit(index: number): ChunkUnit {
    const chunk = this.chunk(index);
    const isEncrypted = (chunk.flags & ChunkInfoFlag.encrypted) !== 0;
    const { compressedOffset } = chunk;
    if ((chunk.flags & ChunkInfoFlag.batch) === 0) {
      return {
        compressedOffset,
        compressedSize: chunk.compressedSize,
        uncompressedSize: chunk.uncompressedSize,
        isCompressed: (chunk.flags & ChunkInfoFlag.compressed) !== 0,
        isEncrypted,
        offsetInUnit: 0,
        batch: undefined,
      };
    }
    const offset = this.header.contextOffset + chunk.dataHigh * BATCH_CONTEXT_SIZE;
    const context = decodeBatchContext(this.array, offset);
    return {
      compressedOffset,
      compressedSize: context.compressedSize,
      uncompressedSize: context.uncompressedSize,
      isCompressed: context.compressedSize !== context.uncompressedSize,
      isEncrypted,
      offsetInUnit: chunk.dataLow,
      batch: chunk.dataHigh,
    };
  }

  /**
   * The chunk that holds a byte of the device file, or the first one after it when the byte lies
   * in padding; `chunkCount` when there is none.
   */
  findChunk(uncompressedOffset: number): number {
    let low = 0;
    let high = this.chunkCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const chunk = this.chunk(middle);
      if (chunk.uncompressedOffset + chunk.uncompressedSize <= uncompressedOffset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The `.blob.meta` file of this blob. */
  toFile(): Buffer {
    return encodeBlobMetaFile(this.array, encodeChunkInfoHeader(this.header));
  }
}
