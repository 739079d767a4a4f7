/**
 * Builds one data blob from compressed batches: chunks the image has already are left out, the
 * rest is hashed and streamed to the target in the order it comes, first reads after all others. The
 * blob is opened at the first new chunk, so that a layer without one leaves nothing.
 */
import { createHash, type Hash } from 'node:crypto';
import { finishDigest, MediaType } from '@shoal/oci';
import { BLOBS_MAX, imageBlobHeader } from '@shoal/rafs';
import type { BlobWriter, ImageTarget } from '@shoal/registry-client';
import type { BatchResult } from '../chunk/batch-pipeline.ts';
import type { ChunkIndex } from '../chunk/chunk-index.ts';
import { DIGEST_SIZE } from '../chunk/chunk-index.ts';
import { ChunkNumbers } from '../chunk/chunk-numbers.ts';
import { ImageLimitError } from '../errors.ts';
import type { PieceHasher } from '../torrent/piece-hasher.ts';
import type { BlobLayout } from './blob-layout.ts';
import { DeferredChunks } from './deferred-chunks.ts';
import type { LayerBlob } from './layer-blob.ts';

export type BlobBuilderComponents = {
  readonly target: ImageTarget;
  readonly index: ChunkIndex;
  /** Chunks below this number are in dictionaries. */
  readonly dictChunks: number;
  /** Of a chunk that belongs to the first reads, by its number in the layer; asked once for each. */
  readonly takeRank: (chunk: number) => number | undefined;
  /** Told every byte of the blob, for its torrent. */
  readonly pieceHasher?: PieceHasher | undefined;
};

/** Stands for the number of a chunk that is written later. */
const UNKNOWN_YET = 0xffff_ffff;
/** First reads are handed to the target in pieces of at least this. */
const WRITE_BYTES = 1 << 20;

export class BlobBuilder {
  readonly #components: BlobBuilderComponents;
  readonly #layout: BlobLayout;
  readonly #signal: AbortSignal;
  readonly #numbers = new ChunkNumbers();
  readonly #deferred = new DeferredChunks();
  #writer: BlobWriter | undefined;
  /** Of everything written. */
  readonly #hash: Hash = createHash('sha256');
  /** Bytes handed to the target so far. */
  #size = 0;
  #dedupedChunks = 0;
  #dedupedBytes = 0;
  #dictBytes = 0;

  constructor(components: BlobBuilderComponents, layout: BlobLayout, signal: AbortSignal) {
    this.#components = components;
    this.#layout = layout;
    this.#signal = signal;
  }

  get deduped() {
    return {
      dedupedChunks: this.#dedupedChunks,
      dedupedBytes: this.#dedupedBytes,
      dictBytes: this.#dictBytes,
    };
  }

  /** Image-wide numbers of the chunks added so far. */
  chunkNumbers(): Uint32Array {
    return this.#numbers.finish();
  }

  /** Takes the next batch; gives its buffer back when every byte was taken over. */
  async add(result: BatchResult): Promise<ArrayBuffer> {
    const length = this.#keepNewChunks(result);
    await this.#deferred.flush();
    if (length === 0) return result.stored;
    await this.#write(new Uint8Array(result.stored, 0, length));
    return result.stored;
  }

  /** Writes the end of the blob and commits it; undefined when there was no new chunk. */
  async finish(): Promise<LayerBlob | undefined> {
    await this.#writeDeferred();
    if (this.#writer === undefined) return undefined;
    await this.#write(imageBlobHeader(this.#layout.storedBytes));
    const end = this.#layout.encodeEnd(this.#hash.copy().digest());
    for (const part of end.parts.slice(1)) await this.#write(part);
    const digest = finishDigest('sha256', this.#hash);
    const descriptor = { digest, size: this.#size, mediaType: MediaType.nydusBlob };
    await this.#writer.commit(descriptor);
    const pieces = await this.#components.pieceHasher?.finish();
    const blob = this.#layout.toBlob(descriptor, end);
    return pieces === undefined ? blob : { ...blob, pieces };
  }

  /** Leaves nothing at the target. */
  async abort(): Promise<void> {
    try {
      await this.#deferred.close();
    } finally {
      await this.#writer?.abort();
    }
  }

  /** Moves the new chunks of a batch to its front and registers them; their length together. */
  #keepNewChunks({ stored, storedLengths, lengths, digests }: BatchResult): number {
    const { index } = this.#components;
    const bytes = new Uint8Array(stored);
    let from = 0;
    let kept = 0;
    for (const [position, size] of lengths.entries()) {
      const storedSize = storedLengths[position] ?? 0;
      const at = position * DIGEST_SIZE;
      const rank = this.#components.takeRank(this.#numbers.count);
      const known = index.find(digests, at, size);
      if (known !== undefined) {
        this.#numbers.push(known);
        this.#countDeduped(known, size);
      } else if (!this.#defer(bytes.subarray(from, from + storedSize), rank, digests, at, size)) {
        if (kept !== from) bytes.copyWithin(kept, from, from + storedSize);
        this.#numbers.push(this.#layout.add(digests, at, size, storedSize));
        kept += storedSize;
      }
      from += storedSize;
    }
    return kept;
  }

  /** Keeps a chunk of the first reads for later; false when it is none. */
  #defer(
    stored: Uint8Array,
    rank: number | undefined,
    digests: Uint8Array,
    at: number,
    size: number,
  ): boolean {
    const local = this.#numbers.count;
    const twin = this.#deferred.find(digests, at, size);
    if (twin !== undefined) {
      twin.locals.push(local);
      twin.rank = Math.min(twin.rank, rank ?? Infinity);
      this.#countDeduped(UNKNOWN_YET, size);
    } else {
      if (rank === undefined || this.#deferred.isFull) return false;
      const digest = Buffer.from(digests.subarray(at, at + DIGEST_SIZE));
      this.#deferred.add({ rank, locals: [local], digest, size }, Buffer.from(stored));
    }
    this.#numbers.push(UNKNOWN_YET);
    return true;
  }

  #countDeduped(known: number, size: number): void {
    this.#dedupedChunks += 1;
    this.#dedupedBytes += size;
    if (known < this.#components.dictChunks) this.#dictBytes += size;
  }

  /** The first reads in their order. */
  async #writeDeferred(): Promise<void> {
    if (this.#deferred.count === 0) return;
    this.#layout.startFirstReads();
    let pending: Buffer[] = [];
    let length = 0;
    for await (const { chunk, stored } of this.#deferred.inOrder()) {
      this.#signal.throwIfAborted();
      const number = this.#layout.add(chunk.digest, 0, chunk.size, chunk.storedSize);
      for (const local of chunk.locals) this.#numbers.set(local, number);
      pending.push(stored);
      length += chunk.storedSize;
      if (length < WRITE_BYTES) continue;
      await this.#write(Buffer.concat(pending));
      pending = [];
      length = 0;
    }
    if (length > 0) await this.#write(Buffer.concat(pending));
    await this.#deferred.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { target, pieceHasher } = this.#components;
    if (this.#writer === undefined && this.#layout.blobNumber >= BLOBS_MAX) {
      throw new ImageLimitError(`the image needs more than ${BLOBS_MAX} blobs`, {
        remedy: 'rebuild it with fewer layers, or use fewer chunk dictionaries',
      });
    }
    this.#writer ??= await target.openBlobWriter({ signal: this.#signal, isHashed: true });
    const writing = this.#writer.write(bytes);
    // While a thread writes.
    this.#hash.update(bytes);
    this.#size += bytes.byteLength;
    pieceHasher?.add(bytes);
    await writing;
    await pieceHasher?.whenReady();
  }
}
