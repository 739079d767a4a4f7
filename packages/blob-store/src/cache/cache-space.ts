/**
 * How many bytes the blobs of a cache take, and which of them can go: those nobody has open, the
 * one unused for longest first. The limit never takes a byte from a mount.
 */
import { lstatSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { STAT_BLOCK_BYTES } from '../disk/disk-io.ts';
import { CacheDirectoryError } from '../errors.ts';
import { blobPaths, keyOfFile, removalOrder } from '../files/file-names.ts';
import { CACHE_DIRECTORY_ENTRIES_MAX } from '../limits.ts';
import type { CacheEventSink } from './cache-event.ts';

type Usage = {
  bytes: number;
  lastUseMs: number;
  users: number;
  /** Its files could not be removed: it counts on, and is not tried again before it was used. */
  isStuck: boolean;
  /** Its image is gone, so that nobody is expected to want it again: it goes first. */
  isRemoved: boolean;
};

/** A blob that nobody has open. */
export type UnusedBlob = {
  /** Names its files. */
  readonly key: string;
  readonly bytes: number;
  readonly lastUseMs: number;
  readonly isRemoved: boolean;
};

export type CacheLimits = {
  /** More start an eviction. */
  readonly highBytes: number;
  /** Where it ends. */
  readonly lowBytes: number;
};

export class CacheSpace {
  readonly #directory: string;
  readonly #limits: CacheLimits;
  readonly #onEvent: CacheEventSink;
  readonly #onRemoving: (key: string) => void;
  readonly #usage = new Map<string, Usage>();
  #bytes = 0;
  #isOverTold = false;
  #mayEvict = false;
  #evicting: Promise<boolean> = Promise.resolve(false);

  /** Looks at every file of the directory once. `onRemoving`: before the files of a key are removed. */
  static async open(
    directory: string,
    limits: CacheLimits,
    onEvent: CacheEventSink,
    onRemoving: (key: string) => void = () => undefined,
  ): Promise<CacheSpace> {
    const space = new CacheSpace(directory, limits, { onEvent, onRemoving });
    const names = await readdir(directory);
    if (names.length > CACHE_DIRECTORY_ENTRIES_MAX) {
      throw new CacheDirectoryError(`${directory} has ${names.length} files`, {
        remedy: 'give the cache a directory of its own',
      });
    }
    for (const key of new Set(names.map(keyOfFile))) {
      if (key !== undefined) space.#look(key);
    }
    return space;
  }

  private constructor(
    directory: string,
    limits: CacheLimits,
    { onEvent, onRemoving }: { onEvent: CacheEventSink; onRemoving: (key: string) => void },
  ) {
    this.#directory = directory;
    this.#limits = limits;
    this.#onEvent = onEvent;
    this.#onRemoving = onRemoving;
  }

  /** Until then nothing is evicted: blobs of mounts that are being restored look unused. */
  async startEviction(): Promise<void> {
    this.#mayEvict = true;
    await this.enforce();
  }

  /** Keys of the files in which a blob lies under another description than the usual one. */
  variantsOf(blobId: string): readonly string[] {
    return [...this.#usage.keys()].filter((key) => key.startsWith(`${blobId}-`));
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Before the blob's files are opened; waits for an eviction that runs. */
  async acquire(key: string): Promise<void> {
    const usage = this.#usage.get(key) ?? unused();
    this.#usage.set(key, usage);
    usage.users++;
    usage.isStuck = false;
    usage.isRemoved = false;
    await this.#evicting;
  }

  /** After they are closed. */
  async release(key: string): Promise<void> {
    const usage = this.#usage.get(key);
    if (usage === undefined) return;
    usage.users--;
    usage.lastUseMs = Date.now();
    if (usage.users === 0) this.#look(key);
    await this.enforce();
  }

  /** Bytes were written to an open blob's files. */
  grow(key: string, bytes: number): void {
    const usage = this.#usage.get(key);
    if (usage === undefined) return;
    usage.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes > this.#limits.highBytes) void this.enforce();
  }

  /** Once above the high limit: evicts down to the low one, or until every blob left is in use. */
  async enforce(): Promise<void> {
    const { highBytes, lowBytes } = this.#limits;
    if (this.#bytes > highBytes) {
      while (this.#mayEvict && this.#bytes > lowBytes && (await this.evictOne()));
    }
    if (this.#bytes <= highBytes) this.#isOverTold = false;
    else if (this.#mayEvict && !this.#isOverTold) {
      this.#isOverTold = true;
      const message = `cache ${this.#directory}: mounts use ${this.#bytes} bytes, more than the limit of ${highBytes}`;
      this.#onEvent({ kind: 'over-limit', message });
    }
  }

  /** Removes the blob that goes first; false when all are in use. */
  evictOne(): Promise<boolean> {
    this.#evicting = this.#evicting.catch(() => false).then(() => this.#evictFirst());
    return this.#evicting;
  }

  /** Blobs that may go, in the order in which they do. */
  unused(): readonly UnusedBlob[] {
    return [...this.#usage]
      .filter(([, { users, isStuck }]) => users === 0 && !isStuck)
      .map(([key, { bytes, lastUseMs, isRemoved }]) => ({ key, bytes, lastUseMs, isRemoved }))
      .toSorted(byTurn);
  }

  /** Removes one blob; the bytes that are free now, 0 when somebody uses it or it cannot go. */
  evict(key: string): Promise<number> {
    const evicted = this.#evicting
      .catch(() => false)
      .then(() => (this.#mayEvict ? this.#remove(key) : undefined));
    this.#evicting = evicted.then((bytes) => bytes !== undefined);
    return evicted.then((bytes = 0) => bytes);
  }

  /** The images that these blobs were of are gone. */
  markRemoved(blobId: string): void {
    for (const key of [blobId, ...this.variantsOf(blobId)]) {
      const usage = this.#usage.get(key);
      if (usage?.users === 0) usage.isRemoved = true;
    }
  }

  async #evictFirst(): Promise<boolean> {
    const [first] = this.#mayEvict ? this.unused() : [];
    if (first === undefined) return false;
    // When it cannot be removed the next one may.
    await this.#remove(first.key);
    return true;
  }

  /** Undefined when nothing was removed. */
  async #remove(key: string): Promise<number | undefined> {
    const usage = this.#usage.get(key);
    if (usage === undefined || usage.users > 0) return undefined;
    this.#usage.delete(key);
    this.#onRemoving(key);
    const what = `cache ${this.#directory}: blob ${key}`;
    try {
      for (const path of removalOrder(this.#directory, key)) await rm(path, { force: true });
    } catch (error) {
      this.#onEvent({ kind: 'evict-failed', message: `${what} cannot be removed`, error });
      this.#keepStuck(key, usage);
      return undefined;
    }
    this.#bytes -= usage.bytes;
    const { bytes } = usage;
    this.#onEvent({ kind: 'evicted', message: `${what} evicted, ${bytes} bytes freed`, bytes });
    return bytes;
  }

  #keepStuck(key: string, usage: Usage): void {
    const reopened = this.#usage.get(key);
    if (reopened === undefined) this.#usage.set(key, { ...usage, isStuck: true });
    else reopened.bytes += usage.bytes;
  }

  /** Takes a blob's real size and last use from its files. */
  #look(key: string): void {
    const usage = this.#usage.get(key) ?? unused();
    let bytes = 0;
    for (const path of Object.values(blobPaths(this.#directory, key))) {
      // Not through the thread pool: a start looks at thousands of them.
      const facts = lstatSync(path, { throwIfNoEntry: false });
      if (facts === undefined) continue;
      bytes += facts.blocks * STAT_BLOCK_BYTES;
      usage.lastUseMs = Math.max(usage.lastUseMs, facts.mtimeMs);
    }
    this.#bytes += bytes - usage.bytes;
    usage.bytes = bytes;
    this.#usage.set(key, usage);
  }
}

function unused(): Usage {
  return { bytes: 0, lastUseMs: 0, users: 0, isStuck: false, isRemoved: false };
}

/** Those of removed images first, then the one unused for longest. */
function byTurn(a: UnusedBlob, b: UnusedBlob): number {
  return Number(b.isRemoved) - Number(a.isRemoved) || a.lastUseMs - b.lastUseMs;
}
