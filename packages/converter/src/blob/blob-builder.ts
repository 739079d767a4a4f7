/**
 * Builds one data blob from compressed batches: chunks the image has already are left out, the
 * rest is hashed and streamed to the target in the order it comes. The blob is opened at the first
 * new chunk, so that a layer without one leaves nothing.
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
import type { BlobLayout } from './blob-layout.ts';
import type { LayerBlob } from './layer-blob.ts';

export type BlobBuilderComponents = {
  readonly target: ImageTarget;
  readonly index: ChunkIndex;
  /** Chunks below this number are in dictionaries. */
  readonly dictChunks: number;
};

export class BlobBuilder {
  readonly #components: BlobBuilderComponents;
  readonly #layout: BlobLayout;
  readonly #signal: AbortSignal;
  readonly #numbers = new ChunkNumbers();
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
    if (length === 0) return result.stored;
    await this.#write(new Uint8Array(result.stored, 0, length));
    return result.stored;
  }

  /** Writes the end of the blob and commits it; undefined when there was no new chunk. */
  async finish(): Promise<LayerBlob | undefined> {
    if (this.#writer === undefined) return undefined;
    await this.#write(imageBlobHeader(this.#layout.storedBytes));
    const end = this.#layout.encodeEnd(this.#hash.copy().digest());
    for (const part of end.parts.slice(1)) await this.#write(part);
    const digest = finishDigest('sha256', this.#hash);
    const descriptor = { digest, size: this.#size, mediaType: MediaType.nydusBlob };
    await this.#writer.commit(descriptor);
    return this.#layout.toBlob(descriptor, end);
  }

  /** Leaves nothing at the target. */
  async abort(): Promise<void> {
    await this.#writer?.abort();
  }

  /** Moves the new chunks of a batch to its front and registers them; their length together. */
  #keepNewChunks({ stored, storedLengths, lengths, digests }: BatchResult): number {
    const { index, dictChunks } = this.#components;
    const bytes = new Uint8Array(stored);
    let from = 0;
    let kept = 0;
    for (const [position, size] of lengths.entries()) {
      const storedSize = storedLengths[position] ?? 0;
      const at = position * DIGEST_SIZE;
      const known = index.find(digests, at, size);
      if (known === undefined) {
        if (kept !== from) bytes.copyWithin(kept, from, from + storedSize);
        this.#numbers.push(this.#layout.add(digests, at, size, storedSize));
        kept += storedSize;
      } else {
        this.#numbers.push(known);
        this.#dedupedChunks += 1;
        this.#dedupedBytes += size;
        if (known < dictChunks) this.#dictBytes += size;
      }
      from += storedSize;
    }
    return kept;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const { target } = this.#components;
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
    await writing;
  }
}
