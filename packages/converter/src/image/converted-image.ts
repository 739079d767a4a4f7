/**
 * A converted image: its bootstrap, verified completely before anyone sees it, and its blobs, read
 * by ranges. Every chunk is verified against its digest.
 */
import type { BlobDescription, BlobSource } from '@shoal/blob-store';
import { CodecPool, describeBlob, registryBlobSource } from '@shoal/blob-store';
import { digestHex } from '@shoal/oci';
import type { Bootstrap, BootstrapLayer, BootstrapSummary, RafsInode } from '@shoal/rafs';
import { openBootstrap, verifyBootstrap } from '@shoal/rafs';
import { BootstrapTreeView } from './bootstrap-tree-view.ts';
import { readChunks } from './chunk-stream.ts';
import type { ChunkRef } from './file-content.ts';
import { chunksOfFile, clampRange } from './file-content.ts';
import type { OpenedImageFacts } from './opened-image.ts';
import type { ReadWindow } from './read-window.ts';
import type { WindowResult } from './window-reader.ts';
import { readWindows } from './window-reader.ts';

export type ReadFileOptions = {
  /** First byte. @default 0 */
  readonly offset?: number | undefined;
  /** Bytes; what lies beyond the end is left out. @default all */
  readonly length?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

export class ConvertedImage implements AsyncDisposable {
  readonly kind = 'converted';
  readonly facts: OpenedImageFacts;
  readonly layer: BootstrapLayer;
  readonly bootstrap: Bootstrap;
  readonly summary: BootstrapSummary;
  readonly tree: BootstrapTreeView;
  readonly #source: BlobSource;
  #pool: CodecPool | undefined;
  #blobs: Promise<readonly BlobDescription[]> | undefined;

  /** Throws what the bootstrap is wrong with. */
  constructor(facts: OpenedImageFacts, layer: BootstrapLayer) {
    this.facts = facts;
    this.layer = layer;
    this.bootstrap = openBootstrap(layer.bootstrap);
    this.summary = verifyBootstrap(this.bootstrap);
    this.tree = new BootstrapTreeView(this.bootstrap);
    this.#source = registryBlobSource(facts.store);
  }

  /** Threads that decode; started when the first chunk is read. */
  get pool(): CodecPool {
    this.#pool ??= new CodecPool();
    return this.#pool;
  }

  /** Ends the threads; the next chunk starts others. */
  async closePool(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.close();
  }

  /** Where every chunk of every blob is. Read once. */
  async blobs(signal: AbortSignal): Promise<readonly BlobDescription[]> {
    this.#blobs ??= this.#describeBlobs(signal);
    return await this.#blobs;
  }

  /** Carries out ranged reads in order. */
  async *readWindows(
    windows: Iterable<ReadWindow>,
    signal: AbortSignal,
  ): AsyncGenerator<WindowResult, void> {
    const components = { source: this.#source, pool: this.pool };
    yield* readWindows(windows, await this.blobs(signal), components, signal);
  }

  /** The bytes of these chunks in order; several files in one go share their requests. */
  async *readChunks(refs: Iterator<ChunkRef>, signal: AbortSignal): AsyncGenerator<Buffer, void> {
    const components = { source: this.#source, pool: this.pool };
    yield* readChunks(refs, await this.blobs(signal), components, signal);
  }

  /**
   * The bytes of a regular file in order. Throws `ERR_BLOB_STORE_CHUNK_CORRUPT` for a chunk that
   * does not verify; nothing of it is handed out.
   */
  async *readFile(inode: RafsInode, options: ReadFileOptions = {}): AsyncGenerator<Buffer, void> {
    const signal = options.signal ?? new AbortController().signal;
    const range = clampRange(inode.size, options.offset, options.length);
    const refs = chunksOfFile(this.bootstrap, inode, await this.blobs(signal), range);
    const { chunkSize } = this.bootstrap;
    let skip = range.offset % chunkSize;
    let left = range.length;
    for await (const bytes of this.readChunks(refs, signal)) {
      const wanted = bytes.subarray(skip, skip + left);
      skip = 0;
      left -= wanted.length;
      yield wanted;
    }
  }

  async close(): Promise<void> {
    await this.closePool();
    await this.#source.close();
    await this.facts.store.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #describeBlobs(signal: AbortSignal): Promise<readonly BlobDescription[]> {
    const sizes = new Map<string, number>(
      this.facts.manifest.layers.map(({ digest, size }) => [digestHex(digest), size]),
    );
    const described: BlobDescription[] = [];
    for (const [index, { blobId }] of this.bootstrap.blobs.entries()) {
      const blobMeta = this.layer.metaFiles.get(blobId);
      const storedBytes = sizes.get(blobId);
      described.push(
        await describeBlob(this.bootstrap, index, this.#source, {
          ...(storedBytes === undefined ? {} : { storedBytes }),
          ...(blobMeta === undefined ? {} : { blobMeta }),
          signal,
        }),
      );
    }
    return described;
  }
}
