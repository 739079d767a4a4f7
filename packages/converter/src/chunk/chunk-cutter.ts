/**
 * Cuts file content into chunks of the image's chunk size and packs them into batches. Content is
 * copied once, from the archive's buffer into the batch that goes to a worker. A chunk's *local
 * number* is its position in this order; whole chunks of a hole share one chunk of zeros.
 */
import { CHUNKS_PER_BLOB_MAX } from '@shoal/rafs';
import { ImageLimitError } from '../errors.ts';
import {
  BATCH_BYTES,
  BATCH_CHUNKS_MAX,
  FILE_CHUNKS_MAX,
  LAYER_CHUNK_REFERENCES_MAX,
} from '../limits.ts';
import type { BatchPipeline } from './batch-pipeline.ts';

/** Position in the list of first reads of a part of a file; undefined when it is not listed. */
export type RankOfPart = (offset: number, length: number) => number | undefined;

export class ChunkCutter {
  readonly #pipeline: BatchPipeline;
  readonly #chunkSize: number;
  readonly #source: string;
  readonly #batchSize: number;
  #buffer: Buffer | undefined;
  #fill = 0;
  readonly #lengths: Uint32Array<ArrayBuffer> = new Uint32Array(BATCH_CHUNKS_MAX);
  #lengthCount = 0;
  #nextNumber = 0;
  /** Chunks of all files so far, holes counted. */
  #references = 0;
  /** Local number of the all-zero chunk of chunkSize bytes, once there is one. */
  #zeroChunk: number | undefined;
  #fileLeft = 0;
  #chunkLeft = 0;
  #chunkFill = 0;
  #fileChunks: number[] = [];
  #fileSize = 0;
  #rankOf: RankOfPart | undefined;
  /** Of chunks that nobody has asked for yet, by local number. */
  readonly #ranks = new Map<number, number>();

  /** `source` is the layer or image the files are of, for messages. */
  constructor(pipeline: BatchPipeline, chunkSize: number, source: string) {
    this.#source = source;
    this.#pipeline = pipeline;
    this.#chunkSize = chunkSize;
    this.#batchSize = Math.max(BATCH_BYTES, chunkSize);
  }

  /** Chunks numbered so far. */
  get count(): number {
    return this.#nextNumber;
  }

  /** Position of a chunk in the list of first reads; it is told once, and only until then known. */
  takeRank(chunk: number): number | undefined {
    const rank = this.#ranks.get(chunk);
    if (rank !== undefined) this.#ranks.delete(chunk);
    return rank;
  }

  /**
   * Starts a file of exactly `size` bytes, parts of which may belong to the first reads. Throws when it
   * has too many chunks.
   */
  openFile(size: number, rankOf?: RankOfPart): void {
    const chunks = Math.ceil(size / this.#chunkSize);
    this.#references += chunks;
    if (chunks > FILE_CHUNKS_MAX || this.#references > LAYER_CHUNK_REFERENCES_MAX) {
      throw new ImageLimitError(
        `${this.#source}: with a file of ${size} bytes it has too many chunks`,
        {
          remedy: 'use a larger --chunk-size',
        },
      );
    }
    this.#fileSize = size;
    this.#fileLeft = size;
    this.#rankOf = rankOf;
    this.#fileChunks = [];
    this.#chunkLeft = 0;
  }

  /** The file's next bytes; copied before this returns. */
  write(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const buffer = this.#chunkLeft === 0 ? this.#openChunk() : this.#current();
      const length = Math.min(this.#chunkLeft, bytes.length - at);
      bytes.copy(buffer, this.#fill + this.#chunkFill, at, at + length);
      at += length;
      this.#advance(length);
    }
  }

  /** The file's next bytes are `length` zeros. */
  writeHole(length: number): void {
    let left = length;
    while (left > 0) {
      if (this.#chunkLeft === 0 && left >= this.#chunkSize && this.#zeroChunk !== undefined) {
        this.#fileChunks.push(this.#zeroChunk);
        this.#fileLeft -= this.#chunkSize;
        left -= this.#chunkSize;
        continue;
      }
      const isWhole = this.#chunkLeft === 0 && left >= this.#chunkSize;
      const buffer = this.#chunkLeft === 0 ? this.#openChunk() : this.#current();
      const zeros = Math.min(this.#chunkLeft, left);
      const start = this.#fill + this.#chunkFill;
      buffer.fill(0, start, start + zeros);
      left -= zeros;
      this.#advance(zeros);
      if (isWhole) this.#zeroChunk = this.#fileChunks.at(-1);
    }
  }

  /** Local numbers of the finished file's chunks. */
  closeFile(): readonly number[] {
    if (this.#fileLeft !== 0)
      throw new RangeError(`${this.#fileLeft} bytes of the file are missing`);
    return this.#fileChunks;
  }

  /** Sends off what is left in the current batch. */
  flush(): void {
    if (this.#buffer === undefined || this.#lengthCount === 0) return;
    const raw = this.#buffer.buffer;
    this.#buffer = undefined;
    this.#pipeline.push(raw as ArrayBuffer, this.#lengths.slice(0, this.#lengthCount));
    this.#fill = 0;
    this.#lengthCount = 0;
  }

  #current(): Buffer {
    if (this.#buffer === undefined) throw new TypeError('no batch is open');
    return this.#buffer;
  }

  /** Makes room for the file's next chunk, whose length is known from the file's. */
  #openChunk(): Buffer {
    const length = Math.min(this.#chunkSize, this.#fileLeft);
    if (length === 0) throw new RangeError('more bytes than the file has');
    if (this.#fill + length > this.#batchSize || this.#lengthCount === BATCH_CHUNKS_MAX)
      this.flush();
    this.#buffer ??= Buffer.from(this.#pipeline.takeBuffer(this.#batchSize));
    this.#chunkLeft = length;
    this.#chunkFill = 0;
    return this.#buffer;
  }

  #advance(length: number): void {
    this.#chunkFill += length;
    this.#chunkLeft -= length;
    this.#fileLeft -= length;
    if (this.#chunkLeft > 0) return;
    this.#lengths[this.#lengthCount++] = this.#chunkFill;
    this.#fill += this.#chunkFill;
    const rank = this.#rankOf?.(this.#fileSize - this.#fileLeft - this.#chunkFill, this.#chunkFill);
    if (rank !== undefined) this.#ranks.set(this.#nextNumber, rank);
    this.#fileChunks.push(this.#nextNumber++);
    if (this.#nextNumber > CHUNKS_PER_BLOB_MAX) {
      throw new ImageLimitError(`${this.#source}: more than ${CHUNKS_PER_BLOB_MAX} chunks`, {
        remedy: 'use a larger --chunk-size',
      });
    }
  }
}
