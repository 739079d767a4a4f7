/**
 * A cache directory: the blobs of all mounts of a daemon, one device file each. See docs/cache.md
 * for the files, what survives a crash, what is evicted, and what happens on a full disk.
 */
import type { FileHandle } from 'node:fs/promises';
import { KeyedLock } from '@shoal/concurrency';
import type { CodecPool } from '../codec/codec-pool.ts';
import type { BlobDescription } from '../description/blob-description.ts';
import { checkDescription } from '../description/check-description.ts';
import { completeDigests, isSameBlob, layoutBytes } from '../description/description-match.ts';
import { hashInPieces } from '../description/hash-in-pieces.ts';
import { type DiskIo, REAL_DISK_IO } from '../disk/disk-io.ts';
import { BlobLayoutError, CacheDirectoryError, ClosedError } from '../errors.ts';
import type { FetchSink } from '../fetch/blob-counters.ts';
import { DURABLE_DELAY_MS_MAX, READAHEAD_BYTES_MAX } from '../limits.ts';
import type { BlobSource } from '../source/blob-source.ts';
import { ReadGate } from '../source/read-gate.ts';
import { lockCacheDirectory } from './cache-directory.ts';
import type { CacheEvent, CacheEventSink } from './cache-event.ts';
import { CacheSpace } from './cache-space.ts';
import { CacheUpkeep, type OpenEntry } from './cache-upkeep.ts';
import type { CachedBlob } from './cached-blob.ts';
import { CachedBlobHandle } from './cached-blob-handle.ts';
import { EntryOpener } from './entry-opener.ts';
import { VerbatimBytes, type VerbatimListener } from './verbatim-bytes.ts';

export type ChunkCacheOptions = {
  readonly directory: string;
  /** Bytes the files may take; blobs in use may pass it. @default no limit */
  readonly cacheBytesMax?: number;
  /** Where an eviction ends that passing `cacheBytesMax` started. @default the same */
  readonly cacheBytesLow?: number;
  /** At most READAHEAD_BYTES_MAX; 0 turns readahead off. @default READAHEAD_BYTES_MAX */
  readonly readaheadBytesMax?: number;
  /**
   * False: nothing is evicted before `startEviction`. For a daemon that restores mounts, whose
   * blobs look unused until they are opened again. @default true
   */
  readonly evictsAtOnce?: boolean;
  /** How long a present chunk may stay not durable. @default DURABLE_DELAY_MS_MAX */
  readonly durableDelayMs?: number;
};

export type ChunkCacheComponents = {
  readonly pool: CodecPool;
  readonly onEvent?: CacheEventSink;
  /** For counters of the daemon: those of a blob end with its last hold. */
  readonly onFetched?: FetchSink;
  /** Bounds what caches that share it fetch at once. @default one of its own */
  readonly gate?: ReadGate;
  /** Told of stored bytes that lie in device files just as they are, and can be read by `verbatim`. */
  readonly onVerbatim?: VerbatimListener | undefined;
  /** @default the real disk */
  readonly io?: DiskIo;
};

type CacheParts = {
  readonly space: CacheSpace;
  readonly opener: EntryOpener;
  readonly entries: Map<string, OpenEntry>;
  readonly verbatim: VerbatimBytes;
};

export class ChunkCache implements AsyncDisposable {
  readonly directory: string;
  readonly upkeep: CacheUpkeep;
  readonly verbatim: VerbatimBytes;
  readonly #lock: FileHandle;
  readonly #space: CacheSpace;
  readonly #opener: EntryOpener;
  /** Entries in use, by file key. */
  readonly #entries: Map<string, OpenEntry>;
  readonly #handles = new Set<CachedBlobHandle>();
  /** By blob: opening and closing happen one after the other. */
  readonly #turns = new KeyedLock();
  #closing: Promise<void> | undefined;

  /** Throws ERR_BLOB_STORE_CACHE_LOCKED when another process has the directory. */
  static async open(
    options: ChunkCacheOptions,
    components: ChunkCacheComponents,
  ): Promise<ChunkCache> {
    const lock = await lockCacheDirectory(options.directory);
    const tell = (event: CacheEvent) => components.onEvent?.(event);
    try {
      const { cacheBytesMax: highBytes = Number.POSITIVE_INFINITY } = options;
      const lowBytes = Math.min(options.cacheBytesLow ?? highBytes, highBytes);
      const entries = new Map<string, OpenEntry>();
      const verbatim = new VerbatimBytes(entries, components.onVerbatim);
      const space = await CacheSpace.open(options.directory, { highBytes, lowBytes }, tell, (key) =>
        verbatim.onTouched(key),
      );
      if (options.evictsAtOnce ?? true) {
        components.pool.warmUp();
        await space.startEviction();
      }
      const opener = new EntryOpener({
        directory: options.directory,
        ...{ space, verbatim },
        pool: components.pool,
        gate: components.gate ?? new ReadGate(),
        io: components.io ?? REAL_DISK_IO,
        readaheadBytesMax: options.readaheadBytesMax ?? READAHEAD_BYTES_MAX,
        durableDelayMs: options.durableDelayMs ?? DURABLE_DELAY_MS_MAX,
        onEvent: tell,
        onFetched: components.onFetched,
      });
      return new ChunkCache(options.directory, lock, { space, opener, entries, verbatim });
    } catch (error) {
      await lock.close();
      throw error;
    }
  }

  private constructor(directory: string, lock: FileHandle, parts: CacheParts) {
    const { space, opener, entries, verbatim } = parts;
    this.directory = directory;
    this.#lock = lock;
    this.#space = space;
    this.#opener = opener;
    this.#entries = entries;
    this.verbatim = verbatim;
    this.upkeep = new CacheUpkeep(space, this.#entries);
  }

  /** Bytes the files of the cache take on the disk. */
  get bytes(): number {
    return this.#space.bytes;
  }

  /** A mount uses the blob, and every chunk of it is here. */
  hasAllOf(blobId: string): boolean {
    return this.#entries.get(blobId)?.entry.presence.isComplete ?? false;
  }

  /**
   * A hold on a blob; close it when its mount is gone. Needs no network. The source stays the
   * caller's: it is used until the hold is closed, not closed with it.
   */
  async openBlob(description: BlobDescription, source: BlobSource): Promise<CachedBlob> {
    checkDescription(description);
    return await this.#turns.run(description.blobId, async () => {
      if (this.#closing !== undefined) throw new ClosedError(`cache ${this.directory}`);
      await this.#checkDirectory();
      const key = await this.#keyFor(description);
      const open = this.#entries.get(key) ?? (await this.#openEntry(key, description));
      completeDigests(open.entry.description, description);
      open.users++;
      const handle: CachedBlobHandle = new CachedBlobHandle({
        entry: open.entry,
        source,
        directory: this.directory,
        onClosed: () =>
          this.#turns.run(description.blobId, () => this.#closeHandle(handle, key, open)),
      });
      this.#handles.add(handle);
      return handle;
    });
  }

  /** From now on blobs that nobody has open may be removed. */
  startEviction(): Promise<void> {
    return this.#space.startEviction();
  }

  /** Closes every hold, makes everything durable, unlocks the directory. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #closeAll(): Promise<void> {
    await this.#turns.drain();
    const closed = await Promise.allSettled([...this.#handles].map((handle) => handle.close()));
    // Whatever a blob's files say at their end: the directory is free again.
    await this.#lock.close();
    for (const result of closed) if (result.status === 'rejected') throw result.reason;
  }

  async #closeHandle(handle: CachedBlobHandle, key: string, open: OpenEntry): Promise<void> {
    this.#handles.delete(handle);
    open.users--;
    if (open.users > 0) return;
    this.#entries.delete(key);
    await this.#opener.close(key, open.entry);
  }

  /**
   * The blob's id, unless an image that is open describes the blob otherwise. A description that
   * has files of its own keeps them, in whatever order images are opened after a restart: the
   * kernel knows files by what their key names.
   */
  async #keyFor(description: BlobDescription): Promise<string> {
    const { blobId } = description;
    const variants = this.#space.variantsOf(blobId);
    const isUsual = this.#agrees(blobId, description);
    if (isUsual && variants.length === 0) return blobId;
    const layout = await hashInPieces(layoutBytes(description.chunks));
    const digests = await hashInPieces(description.chunks.digests);
    const both = await hashInPieces(Buffer.concat([layout, digests]));
    const key = `${blobId}-${both.toString('hex', 0, 8)}`;
    if (isUsual && !variants.includes(key)) return blobId;
    if (this.#agrees(key, description)) return key;
    throw new BlobLayoutError(blobId, 'images in use describe it in more than two ways');
  }

  /** What is open goes on without its names; a new file would be one that no lock protects. */
  async #checkDirectory(): Promise<void> {
    if ((await this.#lock.stat()).nlink > 0) return;
    throw new CacheDirectoryError(`cache directory ${this.directory} was deleted while in use`, {
      remedy: 'end the daemon with SIGTERM (mounts stay) and try again: the next one makes it anew',
    });
  }

  #agrees(key: string, description: BlobDescription): boolean {
    const open = this.#entries.get(key);
    return open === undefined || isSameBlob(open.entry.description, description);
  }

  async #openEntry(key: string, description: BlobDescription): Promise<OpenEntry> {
    this.verbatim.onTouched(key);
    const open = { entry: await this.#opener.open(key, description), users: 0 };
    this.#entries.set(key, open);
    this.verbatim.onDurable(open.entry);
    return open;
  }
}
