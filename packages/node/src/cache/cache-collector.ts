/** Collects what the policy condemns from the caches of a daemon: now and then, and when asked. */
import { statfs } from 'node:fs/promises';
import { DirectoryError, errorFields } from '@shoal/snapshotter';
import type { Caches } from '../caches.ts';
import { COLLECT_INTERVAL_MS } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { type CollectionPolicy, type Condemned, condemn } from './collection-policy.ts';

export type CollectRequest = {
  /** Only says what would go. */
  readonly isDryRun?: boolean | undefined;
  /** Everything that no mount uses. */
  readonly takesAll?: boolean | undefined;
};

export type CollectedBlob = {
  readonly key: string;
  readonly bytes: number;
  readonly lastUse: string;
  readonly reason: string;
  /** Its image was removed from containerd. */
  readonly isRemoved: boolean;
};

export type CollectedCache = {
  readonly directory: string;
  /** Of its files, before. */
  readonly bytes: number;
  readonly diskUsedPercent: number;
  readonly unusedBytes: number;
  readonly freedBytes: number;
  readonly blobs: readonly CollectedBlob[];
};

/** What is needed of a daemon's caches. */
type CollectedCaches = Pick<Caches, 'all' | 'defaultDirectory'>;

export class CacheCollector implements AsyncDisposable {
  readonly #caches: CollectedCaches;
  readonly #policy: CollectionPolicy;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<unknown> = Promise.resolve();

  constructor(caches: CollectedCaches, policy: CollectionPolicy, log: Log) {
    this.#caches = caches;
    this.#policy = policy;
    this.#log = log;
    this.#timer = setInterval(() => void this.#collectSometimes(), COLLECT_INTERVAL_MS).unref();
  }

  /**
   * One after the other: two must not condemn the same blobs.
   *
   * @throws ERR_SNAPSHOTTER_DIRECTORY when a cache cannot be looked at; the others were collected
   */
  collect(request: CollectRequest = {}): Promise<readonly CollectedCache[]> {
    const done = this.#running.then(() => this.#collectAll(request));
    this.#running = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #collectSometimes(): Promise<void> {
    try {
      await this.collect();
    } catch (error) {
      this.#log.warn(
        { event: 'cache-gc-failed', ...errorFields(error) },
        'a cache was not collected',
      );
    }
  }

  async #collectAll(request: CollectRequest): Promise<CollectedCache[]> {
    const collected: CollectedCache[] = [];
    const failures: DirectoryError[] = [];
    for (const cache of this.#caches.all()) {
      try {
        collected.push(await this.#collectOne(cache, request));
      } catch (error) {
        failures.push(collectionFailure(cache.directory, error));
      }
    }
    const [first] = failures;
    if (first !== undefined) throw first;
    return collected;
  }

  async #collectOne(
    cache: ReturnType<Caches['all']>[number],
    { isDryRun = false, takesAll = false }: CollectRequest,
  ): Promise<CollectedCache> {
    const { directory, upkeep, bytes } = cache;
    const { blocks, bsize, bavail } = await statfs(directory);
    const facts = {
      ...{ bytes, diskBytes: blocks * bsize, diskFreeBytes: bavail * bsize },
      nowMs: cautiousNowMs(),
    };
    const unused = upkeep.unused();
    const isLimited = directory === this.#caches.defaultDirectory;
    const policy = isLimited ? this.#policy : { ...this.#policy, highBytes: undefined };
    const condemned: readonly Condemned[] = takesAll
      ? unused.map((blob) => ({ ...blob, reason: 'asked for' }))
      : condemn(unused, facts, policy);
    const blobs: CollectedBlob[] = [];
    for (const blob of condemned) {
      const freed = isDryRun ? blob.bytes : await upkeep.evict(blob.key);
      // Somebody has opened it meanwhile.
      if (freed === 0 && blob.bytes > 0) continue;
      const { key, reason, isRemoved } = blob;
      const lastUse = new Date(blob.lastUseMs).toISOString();
      blobs.push({ key, bytes: freed, lastUse, reason, isRemoved });
    }
    const used = facts.diskBytes === 0 ? 0 : 1 - facts.diskFreeBytes / facts.diskBytes;
    return {
      ...{ directory, bytes, diskUsedPercent: Math.round(100 * used) },
      unusedBytes: unused.reduce((sum, blob) => sum + blob.bytes, 0),
      freedBytes: blobs.reduce((sum, blob) => sum + blob.bytes, 0),
      blobs,
    };
  }
}

/** A directory that somebody took away, say. */
function collectionFailure(directory: string, error: unknown): DirectoryError {
  return new DirectoryError(directory, errorFields(error).reason, {
    cause: error,
    remedy: 'put it back, or unmount the images whose blobs are kept there',
  });
}

/**
 * Milliseconds since 1970, or less while the wall clock is ahead of what has passed since the start: no
 * blob looks older than it is because the clock was set, forwards or back, while the daemon runs.
 */
function cautiousNowMs(): number {
  return Math.min(Date.now(), performance.timeOrigin + performance.now());
}
