/**
 * How many bytes the blobs of a cache take, and which of them can go: those nobody has open, the
 * one unused for longest first. The limit never takes a byte from a mount.
 */
import { lstat, readdir, rm } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { CacheDirectoryError } from '../errors.ts';
import { CACHE_DIRECTORY_ENTRIES_MAX } from '../limits.ts';
import type { CacheEventSink } from './cache-event.ts';
import { blobPaths, keyOfFile, removalOrder } from './file-names.ts';

type Usage = {
  bytes: number;
  lastUseMs: number;
  users: number;
  /** Its files could not be removed: it counts on, and is not tried again before it was used. */
  isStuck: boolean;
};

const SECTOR_BYTES = 512;

export class CacheSpace {
  readonly #directory: string;
  readonly #bytesMax: number;
  readonly #onEvent: CacheEventSink;
  readonly #usage = new Map<string, Usage>();
  #bytes = 0;
  #isOverTold = false;
  #mayEvict = false;
  #evicting: Promise<boolean> = Promise.resolve(false);

  /** Looks at every file of the directory once. */
  static async open(
    directory: string,
    bytesMax: number,
    onEvent: CacheEventSink,
  ): Promise<CacheSpace> {
    const space = new CacheSpace(directory, bytesMax, onEvent);
    const names = await readdir(directory);
    if (names.length > CACHE_DIRECTORY_ENTRIES_MAX) {
      throw new CacheDirectoryError(`${directory} has ${names.length} files`, {
        remedy: 'give the cache a directory of its own',
      });
    }
    for (const key of new Set(names.map(keyOfFile))) {
      if (key !== undefined) await space.#look(key);
    }
    return space;
  }

  private constructor(directory: string, bytesMax: number, onEvent: CacheEventSink) {
    this.#directory = directory;
    this.#bytesMax = bytesMax;
    this.#onEvent = onEvent;
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
    await this.#evicting;
  }

  /** After they are closed. */
  async release(key: string): Promise<void> {
    const usage = this.#usage.get(key);
    if (usage === undefined) return;
    usage.users--;
    usage.lastUseMs = Date.now();
    if (usage.users === 0) await this.#look(key);
    await this.enforce();
  }

  /** Bytes were written to an open blob's files. */
  grow(key: string, bytes: number): void {
    const usage = this.#usage.get(key);
    if (usage === undefined) return;
    usage.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes > this.#bytesMax) void this.enforce();
  }

  /** Evicts until the limit is kept or every blob left is in use. */
  async enforce(): Promise<void> {
    while (this.#mayEvict && this.#bytes > this.#bytesMax) {
      if (await this.evictOne()) continue;
      if (!this.#isOverTold) {
        this.#isOverTold = true;
        const message = `cache ${this.#directory}: mounts use ${this.#bytes} bytes, more than the limit of ${this.#bytesMax}`;
        this.#onEvent({ kind: 'over-limit', message });
      }
      return;
    }
    if (this.#bytes <= this.#bytesMax) this.#isOverTold = false;
  }

  /** Removes the blob that is unused for longest; false when all are in use. */
  evictOne(): Promise<boolean> {
    this.#evicting = this.#evicting.catch(() => false).then(() => this.#evictOldest());
    return this.#evicting;
  }

  async #evictOldest(): Promise<boolean> {
    if (!this.#mayEvict) return false;
    let oldest: [string, Usage] | undefined;
    for (const [key, usage] of this.#usage) {
      if (usage.users > 0 || usage.isStuck) continue;
      if (oldest === undefined || usage.lastUseMs < oldest[1].lastUseMs) oldest = [key, usage];
    }
    if (oldest === undefined) return false;
    const [key, usage] = oldest;
    this.#usage.delete(key);
    const what = `cache ${this.#directory}: blob ${key}`;
    try {
      for (const path of removalOrder(this.#directory, key)) await rm(path, { force: true });
    } catch (error) {
      this.#onEvent({ kind: 'evict-failed', message: `${what} cannot be removed`, error });
      this.#keepStuck(key, usage);
      // The next one may go.
      return true;
    }
    this.#bytes -= usage.bytes;
    const message = `${what} evicted, ${usage.bytes} bytes freed`;
    this.#onEvent({ kind: 'evicted', message, bytes: usage.bytes });
    return true;
  }

  #keepStuck(key: string, usage: Usage): void {
    const reopened = this.#usage.get(key);
    if (reopened === undefined) this.#usage.set(key, { ...usage, isStuck: true });
    else reopened.bytes += usage.bytes;
  }

  /** Takes a blob's real size and last use from its files. */
  async #look(key: string): Promise<void> {
    const usage = this.#usage.get(key) ?? unused();
    let bytes = 0;
    for (const path of Object.values(blobPaths(this.#directory, key))) {
      try {
        const { blocks, mtimeMs } = await lstat(path);
        bytes += blocks * SECTOR_BYTES;
        usage.lastUseMs = Math.max(usage.lastUseMs, mtimeMs);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') throw error;
      }
    }
    this.#bytes += bytes - usage.bytes;
    usage.bytes = bytes;
    this.#usage.set(key, usage);
  }
}

function unused(): Usage {
  return { bytes: 0, lastUseMs: 0, users: 0, isStuck: false };
}
