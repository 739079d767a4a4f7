/**
 * Where the chunks of one data blob go: stored bytes back to back, uncompressed ones aligned to
 * 4 KiB. Registers each chunk in the image's index, and encodes the blob's end from there.
 */
import type { Descriptor } from '@shoal/oci';
import { BLOCK_SIZE } from '@shoal/rafs';
import type { ChunkIndex } from '../chunk/chunk-index.ts';
import type { BlobChunks, BlobEnd } from './blob-end.ts';
import { encodeBlobEnd } from './blob-end.ts';
import type { ImageFormat } from './image-format.ts';
import type { LayerBlob } from './layer-blob.ts';

export class BlobLayout {
  readonly #index: ChunkIndex;
  readonly #format: ImageFormat;
  readonly #blobNumber: number;
  readonly #firstChunk: number;
  #storedBytes = 0;
  #uncompressedBytes = 0;
  /** The chunk the first reads start with. */
  #firstRead: number | undefined;

  /** A blob whose chunks get the index's next numbers. */
  constructor(index: ChunkIndex, format: ImageFormat, blobNumber: number) {
    this.#index = index;
    this.#format = format;
    this.#blobNumber = blobNumber;
    this.#firstChunk = index.count;
  }

  get blobNumber(): number {
    return this.#blobNumber;
  }

  /** Bytes of chunk data so far. */
  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** Appends a chunk; its image-wide number. */
  add(digests: Uint8Array, at: number, size: number, storedSize: number): number {
    const number = this.#index.add(digests, at, {
      blob: this.#blobNumber,
      index: this.#index.count - this.#firstChunk,
      storedOffset: this.#storedBytes,
      storedSize,
      offset: this.#uncompressedBytes,
      size,
    });
    this.#storedBytes += storedSize;
    this.#uncompressedBytes += Math.ceil(size / BLOCK_SIZE) * BLOCK_SIZE;
    return number;
  }

  /** What is added from here on belongs to the first reads. */
  startFirstReads(): void {
    this.#firstRead = this.#index.count;
  }

  /** What follows the chunk data in the blob; the digest is of the data and its tar header. */
  encodeEnd(dataDigest: Buffer): BlobEnd {
    return encodeBlobEnd(this.#index, this.#chunks(), this.#format, dataDigest);
  }

  toBlob(descriptor: Descriptor, end: BlobEnd): LayerBlob {
    return { ...this.#chunks(), descriptor, end: end.facts };
  }

  #chunks(): BlobChunks {
    return {
      firstChunk: this.#firstChunk,
      chunkCount: this.#index.count - this.#firstChunk,
      storedBytes: this.#storedBytes,
      uncompressedBytes: this.#uncompressedBytes,
      firstReadChunks: this.#index.count - (this.#firstRead ?? this.#index.count),
    };
  }
}
