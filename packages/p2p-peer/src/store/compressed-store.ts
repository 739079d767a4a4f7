/**
 * Stored (compressed) bytes of blobs on a disk, for this host and for others: what was verified is held,
 * survives crashes and may be served; what was not lies in the file and in no record. The main thread
 * neither hashes nor waits for the disk.
 */
import { join, resolve } from 'node:path';
import type { CodecPool } from '@shoal/blob-store';
import { KeyedLock } from '@shoal/concurrency';
import type { BlobId } from '@shoal/oci';
import { StoredBlobSizeError, StoreUnusableError } from '../errors.ts';
import { STORED_BLOB_BYTES_MAX } from '../limits.ts';
import { BlobFiles } from './blob-files.ts';
import { Deposits } from './deposits.ts';
import { KeptPlaces } from './kept-places.ts';
import type { Lender } from './lender.ts';
import { STORE_FILES_OPEN_MAX, STORED_BLOBS_MAX } from './limits.ts';
import { OpenFiles } from './open-files.ts';
import { restoreBlobs } from './restored-blobs.ts';
import { type OpenEntry, StoreCore } from './store-core.ts';
import { BLOBS_NAME, INDEX_NAME, prepareStoreDirectory } from './store-directory.ts';
import { StoreIndex } from './store-index.ts';
import { type CompressedStoreParts, type StoreOutside, storeOutside } from './store-outside.ts';
import { noCounts, type StoreCounters } from './store-parts.ts';
import { StoredBlob, type StoredBlobFacts } from './stored-blob.ts';

export type CompressedStoreOptions = {
  /** Private, of nothing else; made when it is not there. */
  readonly directory: string;
  /** On the disk, together with `otherBytes`. */
  readonly bytesMax: number;
  /** @default STORE_FILES_OPEN_MAX */
  readonly filesOpenMax?: number;
  /** How long what is right may not be durable. @default STORE_DURABLE_DELAY_MS_MAX */
  readonly durableDelayMs?: number;
};

export type StoreStats = Readonly<StoreCounters> & {
  readonly blobs: number;
  /** Beside those of which bytes are held, those in use. */
  readonly blobsRemembered: number;
  readonly bytes: number;
  /** Of blobs in use, held and in somebody else's files. */
  readonly bytesLent: number;
  readonly filesOpen: number;
  readonly deposits: number;
};

type OwnParts = Pick<StoreOutside, 'lender' | 'now'> & {
  readonly core: StoreCore;
  readonly index: StoreIndex;
  readonly openFiles: OpenFiles;
  readonly counters: StoreCounters;
};

export class CompressedStore implements AsyncDisposable {
  readonly directory: string;
  /** Where blobs were read from. */
  readonly places: KeptPlaces;
  readonly #core: StoreCore;
  readonly #index: StoreIndex;
  readonly #openFiles: OpenFiles;
  readonly #counters: StoreCounters;
  readonly #deposits: Deposits;
  readonly #pool: CodecPool;
  readonly #lender: Lender;
  readonly #now: () => number;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #handles = new Set<StoredBlob>();
  readonly #turns = new KeyedLock();
  #closing: Promise<void> | undefined;

  /** Throws `ERR_P2P_STORE_DIRECTORY`, `ERR_P2P_STORE_LOCKED`, `ERR_P2P_STORE_UNUSABLE`. */
  static async open(
    options: CompressedStoreOptions,
    parts: CompressedStoreParts,
  ): Promise<CompressedStore> {
    const directory = resolve(options.directory);
    const counters = noCounts();
    const outside = storeOutside(parts);
    const { io, onEvent } = outside;
    await prepareStoreDirectory(directory);
    const index = await StoreIndex.open(join(directory, INDEX_NAME), io, (error) => {
      counters.recordsDamaged++;
      const message = `store ${directory}: its index is damaged; the store starts empty`;
      onEvent({ kind: 'damaged-record', message, error });
    });
    try {
      const files = new BlobFiles(join(directory, BLOBS_NAME));
      // What was written keeps its descriptor until it is synced.
      const openFiles = new OpenFiles(
        options.filesOpenMax ?? STORE_FILES_OPEN_MAX,
        () => void core.journal.flush(),
      );
      const core: StoreCore = new StoreCore({
        directory,
        files,
        openFiles,
        index,
        restored: await restoreBlobs({ index, files, counters, onEvent }),
        counters,
        bytesMax: options.bytesMax,
        durableDelayMs: options.durableDelayMs,
        ...outside,
      });
      const own = { core, index, openFiles, counters };
      return new CompressedStore(directory, parts.pool, { ...outside, ...own });
    } catch (error) {
      await index.close();
      throw error;
    }
  }

  private constructor(directory: string, pool: CodecPool, own: OwnParts) {
    const { core, index, openFiles, counters, lender, now } = own;
    this.directory = directory;
    this.#core = core;
    this.#index = index;
    this.#openFiles = openFiles;
    this.#counters = counters;
    this.#pool = pool;
    this.#lender = lender;
    this.#now = now;
    this.#deposits = new Deposits(now);
    this.places = new KeptPlaces({
      index,
      journal: core.journal,
      facts: (blobId) => this.facts(blobId),
      isClosed: () => this.#closing !== undefined,
    });
  }

  /** What the files take on the disk. */
  get bytes(): number {
    return this.#core.space.bytes;
  }

  /** What is known of a blob that has bytes in the store. */
  facts(blobId: BlobId): StoredBlobFacts | undefined {
    const record = this.#core.records.get(blobId);
    if (record === undefined) return undefined;
    const { sizeBytes, heldBytes, isComplete } = record;
    const lastUseMs = this.#core.space.lastUseMsOf(blobId);
    return { blobId, sizeBytes, heldBytes, isComplete, lastUseMs };
  }

  /** Somebody on this host has bytes of it elsewhere. */
  isLent(blobId: BlobId, sizeBytes: number): boolean {
    return this.#lender.rangesOf({ blobId, sizeBytes }).length > 0;
  }

  /** All of them; what was settled since the last flush is not counted. */
  list(): readonly StoredBlobFacts[] {
    const all = [...this.#core.records.keys()].map((blobId) => this.facts(blobId));
    return all.filter((facts) => facts !== undefined);
  }

  stats(): StoreStats {
    return {
      ...this.#counters,
      blobs: this.#core.records.size,
      blobsRemembered: this.#core.space.blobs,
      bytes: this.bytes,
      bytesLent: this.#bytesLent,
      filesOpen: this.#openFiles.count,
      deposits: this.#deposits.count,
    };
  }

  /**
   * A use of a blob; close it afterwards. It is made when it is not there.
   *
   * Throws `ERR_P2P_STORED_BLOB_SIZE` when it is stored with another size, `ERR_P2P_STORE_UNUSABLE` when the
   * store is closed or has no room for another blob.
   */
  async blob(blobId: BlobId, sizeBytes: number): Promise<StoredBlob> {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 1 || sizeBytes > STORED_BLOB_BYTES_MAX) {
      throw new StoredBlobSizeError(blobId, sizeBytes, 'no stored blob has so many');
    }
    return await this.#turns.run(blobId, async () => {
      if (this.#closing !== undefined) throw new StoreUnusableError(this.directory, 'is closed');
      await this.#makeRoomFor(blobId);
      return this.#use(await this.#core.open(blobId, sizeBytes));
    });
  }

  /**
   * The same of one of which something is here, with that size; undefined of others. It is no use that
   * keeps it from being evicted, nor does a wrong size cost what is here.
   */
  async knownBlob(blobId: BlobId, sizeBytes: number): Promise<StoredBlob | undefined> {
    return await this.#turns.run(blobId, async () => {
      const { entries, records } = this.#core;
      const known = entries.get(blobId)?.entry ?? records.get(blobId);
      // What is known of another size is not given up for the word of an image.
      const isKnown =
        known === undefined ? this.isLent(blobId, sizeBytes) : known.sizeBytes === sizeBytes;
      if (!isKnown || this.#closing !== undefined) return undefined;
      return this.#use(await this.#core.open(blobId, sizeBytes), 0);
    });
  }

  /** Frees so many bytes on the disk, or what can be freed; returns how many. */
  evict(bytes: number): Promise<number> {
    return this.#core.space.evict(bytes);
  }

  /** Resolves when all that was settled so far is durable; false when some is not. */
  flush(): Promise<boolean> {
    return this.#core.flush();
  }

  /** Ends hashing, waits for reads and writes, makes everything durable. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #bytesLent(): number {
    const open = this.#core.entries.values();
    return open.reduce((sum, { entry }) => sum + entry.state.lent.bytes, 0);
  }

  async #close(): Promise<void> {
    Atomics.store(this.#stop, 0, 1);
    await this.#turns.drain();
    await Promise.all([...this.#handles].map((handle) => handle.close()));
    await this.#core.close();
    await this.#openFiles.close();
    await this.#index.close();
  }

  async #makeRoomFor(blobId: BlobId): Promise<void> {
    const { records, entries, space } = this.#core;
    const isFull = () => records.size + entries.size >= STORED_BLOBS_MAX && !records.has(blobId);
    if (isFull()) await space.evict(1);
    if (isFull()) throw new StoreUnusableError(this.directory, 'has too many blobs');
  }

  #use({ entry, common }: OpenEntry, nowMs: number = this.#now()): StoredBlob {
    const { blobId } = entry;
    const { space, journal } = this.#core;
    space.use(blobId, nowMs);
    const handle: StoredBlob = new StoredBlob({
      entry,
      common,
      pool: this.#pool,
      stop: this.#stop,
      openDeposit: () => this.#deposits.open(entry),
      pin: (isPinned) => (isPinned ? space.pin(blobId) : space.unpin(blobId)),
      onChanged: () => journal.add(entry, 0),
      flush: () => this.#core.flush(),
      onClose: () => this.#endUse(handle, entry.blobId),
    });
    this.#handles.add(handle);
    return handle;
  }

  #endUse(handle: StoredBlob, blobId: BlobId): Promise<void> {
    this.#handles.delete(handle);
    return this.#turns.run(blobId, async () => {
      const open = this.#core.entries.get(blobId);
      if (open === undefined) return;
      open.entry.users--;
      if (open.entry.users === 0) await this.#core.unload(open.entry);
    });
  }
}
