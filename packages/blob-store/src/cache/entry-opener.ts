/**
 * How a blob of a cache comes to be open: its files in full, what they hold from before, and the entry
 * that mounts share. Everything that the entries of one cache have in common is here.
 */
import { LRUCache } from 'lru-cache';
import type { CodecPool } from '../codec/codec-pool.ts';
import type { BlobDescription } from '../description/blob-description.ts';
import { layoutBytes, ownDescription } from '../description/description-match.ts';
import { hashInPieces } from '../description/hash-in-pieces.ts';
import { VerbatimChunks } from '../description/verbatim-chunks.ts';
import type { DiskIo } from '../disk/disk-io.ts';
import { DiskState, isDiskFull } from '../disk/disk-state.ts';
import { CacheFullError } from '../errors.ts';
import type { FetchSink } from '../fetch/blob-counters.ts';
import { BlobFiles } from '../files/blob-files.ts';
import { keepBlobMeta } from '../files/blob-meta-file.ts';
import { countBits } from '../files/chunk-map.ts';
import { blobPaths } from '../files/file-names.ts';
import { isStoredAs, storedLayoutBytes } from '../files/stored-layout.ts';
import { PASS_THROUGH_BYTES_MAX } from '../limits.ts';
import type { ReadGate } from '../source/read-gate.ts';
import { BlobEntry } from './blob-entry.ts';
import { adoptedEvent, type CacheEventSink } from './cache-event.ts';
import type { CacheSpace } from './cache-space.ts';
import type { VerbatimBytes } from './verbatim-bytes.ts';

export type EntryOpenerComponents = {
  readonly directory: string;
  readonly space: CacheSpace;
  readonly pool: CodecPool;
  readonly gate: ReadGate;
  readonly io: DiskIo;
  readonly readaheadBytesMax: number;
  readonly durableDelayMs: number;
  readonly onEvent: CacheEventSink;
  readonly onFetched: FetchSink | undefined;
  readonly verbatim: VerbatimBytes;
};

export class EntryOpener {
  readonly #components: EntryOpenerComponents;
  readonly #disk: DiskState;
  readonly #loose = new LRUCache<string, Uint8Array>({
    maxSize: PASS_THROUGH_BYTES_MAX,
    sizeCalculation: (bytes) => Math.max(1, bytes.length),
  });

  constructor(components: EntryOpenerComponents) {
    this.#components = components;
    this.#disk = new DiskState(
      `cache ${components.directory}`,
      'reads go on from the network and memory, nothing is kept',
      components.onEvent,
    );
  }

  /** The blob in the files of `key`, which nobody has open. They are not evicted until `close`. */
  async open(key: string, described: BlobDescription): Promise<BlobEntry> {
    const { space } = this.#components;
    const description = ownDescription(described);
    await space.acquire(key);
    try {
      return await this.#enter(key, description, await this.#openFiles(key, description));
    } catch (error) {
      await space.release(key);
      throw error;
    }
  }

  /** After every user is gone. */
  async close(key: string, entry: BlobEntry): Promise<void> {
    try {
      await entry.close();
      this.#components.verbatim.onClosed(key, entry);
    } finally {
      await this.#components.space.release(key);
    }
  }

  async #openFiles(key: string, { sizeBytes, chunks }: BlobDescription): Promise<BlobFiles> {
    const { directory, io, onEvent } = this.#components;
    const layoutDigest = await hashInPieces(layoutBytes(chunks));
    return await this.#withRoom(() =>
      BlobFiles.open({
        paths: blobPaths(directory, key),
        sizeBytes,
        chunks,
        layoutDigest,
        io,
        onDamage: (error) => onEvent({ kind: 'damaged-record', message: error.message, error }),
      }),
    );
  }

  /** On failure the files are closed. */
  async #enter(key: string, description: BlobDescription, files: BlobFiles): Promise<BlobEntry> {
    const { directory, onEvent } = this.#components;
    try {
      await keepBlobMeta(blobPaths(directory, key).meta, description.blobMeta);
      const adopted = countBits(files.claimed);
      if (adopted > 0) onEvent(adoptedEvent(directory, key, adopted));
      return this.#entryOf(
        key,
        description,
        files,
        await this.#verbatimOf(key, description, files),
      );
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  async #verbatimOf(
    key: string,
    description: BlobDescription,
    { trusted, claimed }: BlobFiles,
  ): Promise<VerbatimChunks> {
    const { directory, io } = this.#components;
    const chunks = new VerbatimChunks(description);
    const layout = await hashInPieces(storedLayoutBytes(description));
    const isBelieved = await isStoredAs(blobPaths(directory, key).storedLayout, layout, {
      isFresh: countBits(trusted) + countBits(claimed) === 0,
      isWanted: chunks.count > 0,
      sync: io.sync,
    });
    return isBelieved ? chunks : new VerbatimChunks(description, false);
  }

  #entryOf(
    key: string,
    description: BlobDescription,
    files: BlobFiles,
    chunks: VerbatimChunks,
  ): BlobEntry {
    const { directory, space, pool, gate, readaheadBytesMax, durableDelayMs, onEvent, onFetched } =
      this.#components;
    const { verbatim } = this.#components;
    const entry: BlobEntry = new BlobEntry(description, {
      fileKey: key,
      paths: blobPaths(directory, key),
      files,
      verbatim: chunks,
      pool,
      gate,
      readaheadBytesMax,
      durableDelayMs,
      looseChunks: this.#loose,
      onEvent,
      onFetched,
      onWritten: (bytes) => {
        this.#disk.onWritten();
        space.grow(key, bytes);
      },
      onWriteFailed: (error) => this.#disk.onWriteFailed(error),
      makeRoom: () => space.evictOne(),
      onDurable: (chunks) => verbatim.onDurable(entry, chunks),
      onGone: () => verbatim.onGone(entry),
    });
    return entry;
  }

  /** Files are made in full before a mount is; on a full disk unused blobs make room. */
  async #withRoom<T>(make: () => Promise<T>): Promise<T> {
    const { directory, space } = this.#components;
    for (;;) {
      try {
        return await make();
      } catch (error) {
        if (!isDiskFull(error)) throw error;
        if (!(await space.evictOne())) throw new CacheFullError(directory, { cause: error });
      }
    }
  }
}
