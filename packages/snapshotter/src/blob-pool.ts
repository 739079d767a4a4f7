/**
 * The blobs that mounts use, each open once: mounts of one blob share its device file, its bits and
 * its fetches, whatever image they came from. Blobs are counted by their uses and closed with the
 * last one.
 */
import { createHash } from 'node:crypto';
import type { BlobDescription, BlobSource, CachedBlob } from '@shoal/blob-store';
import type { MissPolicy } from './mount-types.ts';
import { policyKey, ServedBlob } from './served-blob.ts';
import type { ServiceLog } from './service-log.ts';
import { borrowedSource, SourceRouter } from './source-router.ts';

/** What the pool needs of a `ChunkCache`. */
export type BlobCache = {
  openBlob(description: BlobDescription, source: BlobSource): Promise<CachedBlob>;
  close(): Promise<void>;
};

export type BlobPoolComponents = {
  /** Opens (once) the cache of a directory. */
  readonly openCache: (directory: string) => Promise<BlobCache>;
  /** Shapes all fetches of the daemon together: sharing, order, bandwidth. */
  readonly wrapSource?: ((source: BlobSource) => BlobSource) | undefined;
  readonly log: ServiceLog;
};

export type BlobUse = {
  /** Who uses it: the mount's id. */
  readonly owner: string;
  readonly cacheDirectory: string;
  readonly blobId: string;
  readonly missPolicy: MissPolicy;
  readonly source: BlobSource;
  /** Called when the blob is not open yet, with the daemon's source. */
  readonly describe: (source: BlobSource) => Promise<BlobDescription>;
};

type OpenBlob = {
  readonly cached: Promise<CachedBlob>;
  readonly served: Map<string, ServedBlob>;
  readonly owners: Set<string>;
};

export class BlobPool {
  readonly #components: BlobPoolComponents;
  readonly #blobs = new Map<string, OpenBlob>();
  readonly #router = new SourceRouter();
  readonly #source: BlobSource;
  readonly #caches = new Map<string, Promise<BlobCache>>();

  constructor(components: BlobPoolComponents) {
    this.#components = components;
    this.#source = components.wrapSource?.(this.#router) ?? this.#router;
  }

  /** Opens a blob, or joins those who have it open. */
  async acquire(use: BlobUse): Promise<ServedBlob> {
    const key = keyOf(use.cacheDirectory, use.blobId);
    this.#router.add(use.blobId, use.owner, use.source);
    const open = this.#blobs.get(key) ?? this.#open(key, use);
    open.owners.add(use.owner);
    try {
      return this.#serve(open, await open.cached, use);
    } catch (error) {
      await this.release(use.owner, use.cacheDirectory, use.blobId);
      throw error;
    }
  }

  async release(owner: string, cacheDirectory: string, blobId: string): Promise<void> {
    const key = keyOf(cacheDirectory, blobId);
    const open = this.#blobs.get(key);
    if (open === undefined) return;
    open.owners.delete(owner);
    this.#router.remove(blobId, owner);
    if (open.owners.size > 0) return;
    this.#blobs.delete(key);
    await closeBlob(open);
  }

  async close(): Promise<void> {
    const blobs = [...this.#blobs.values()];
    this.#blobs.clear();
    await Promise.all(blobs.map(closeBlob));
    await this.#source.close();
    const caches = [...this.#caches.values()];
    this.#caches.clear();
    await Promise.all(caches.map(async (cache) => (await cache).close()));
  }

  #open(key: string, use: BlobUse): OpenBlob {
    const cached = this.#openCached(use);
    // Whoever acquires it gets the failure; here it must only not be unhandled.
    cached.catch(() => {});
    const open = { cached, served: new Map(), owners: new Set<string>() };
    this.#blobs.set(key, open);
    return open;
  }

  async #openCached(use: BlobUse): Promise<CachedBlob> {
    const cache = await this.#cache(use.cacheDirectory);
    const source = borrowedSource(this.#source);
    return cache.openBlob(await use.describe(source), source);
  }

  async #cache(directory: string): Promise<BlobCache> {
    const opening = this.#caches.get(directory) ?? this.#components.openCache(directory);
    this.#caches.set(directory, opening);
    try {
      return await opening;
    } catch (error) {
      this.#caches.delete(directory);
      throw error;
    }
  }

  #serve(open: OpenBlob, cached: CachedBlob, use: BlobUse): ServedBlob {
    const policy = policyKey(use.missPolicy);
    const known = open.served.get(policy);
    if (known !== undefined) return known;
    const servedAs = servedName(use);
    const served = new ServedBlob(servedAs, cached, use.missPolicy, this.#components.log);
    open.served.set(policy, served);
    return served;
  }
}

function keyOf(cacheDirectory: string, blobId: string): string {
  return `${blobId} ${cacheDirectory}`;
}

/** Stable over restarts, because the kernel's file ids are derived from it. */
function servedName(use: BlobUse): string {
  const facts = `${policyKey(use.missPolicy)} ${use.cacheDirectory}`;
  const suffix = createHash('sha256').update(facts).digest('hex').slice(0, 8);
  return `${use.blobId}-${suffix}`;
}

async function closeBlob(open: OpenBlob): Promise<void> {
  const cached = await open.cached.catch(() => undefined);
  await cached?.close();
}
