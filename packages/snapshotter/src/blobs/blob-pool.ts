/**
 * The blobs that mounts use. Mounts of one blob share its device file, its bits and its fetches,
 * whatever image they came from; what they do not share is the miss policy, so a blob is served
 * once for each policy in use.
 */
import { createHash } from 'node:crypto';
import type { BlobDescription, BlobSource, CachedBlob } from '@shoal/blob-store';
import type { ServiceLog } from '../service-log.ts';
import type { MissPolicy } from './blob-types.ts';
import type { ReadObserver } from './miss-trace.ts';
import { policyKey, ServedBlob } from './served-blob.ts';
import { borrowedSource, SourceRouter } from './source-router.ts';

/** What the pool needs of a `ChunkCache`. */
export type BlobCache = {
  openBlob(description: BlobDescription, source: BlobSource): Promise<CachedBlob>;
  close(): Promise<void>;
};

export type BlobPoolComponents = {
  /** Opens the cache of a directory; called once for each. */
  readonly openCache: (directory: string) => Promise<BlobCache>;
  /** Shapes all fetches of the daemon together, e.g. to a bandwidth. */
  readonly wrapSource?: ((source: BlobSource) => BlobSource) | undefined;
  readonly log: ServiceLog;
  readonly observer?: ReadObserver | undefined;
};

export type BlobUse = {
  /** Who uses it: the mount's id. */
  readonly owner: string;
  readonly cacheDirectory: string;
  readonly missPolicy: MissPolicy;
};

export class BlobPool {
  readonly #components: BlobPoolComponents;
  /** By the name they are served as. */
  readonly #served = new Map<string, ServedBlob>();
  readonly #router = new SourceRouter();
  readonly #caches = new Map<string, Promise<BlobCache>>();
  /** Of all blobs: what is read from it comes from the sources of the mounts that use the blob. */
  readonly source: BlobSource;

  constructor(components: BlobPoolComponents) {
    this.#components = components;
    this.source = borrowedSource(components.wrapSource?.(this.#router) ?? this.#router);
  }

  /** Makes an owner's source one of the sources of a blob. */
  addSource(blobId: string, owner: string, source: BlobSource): void {
    this.#router.add(blobId, owner, source);
  }

  removeSource(blobId: string, owner: string): void {
    this.#router.remove(blobId, owner);
  }

  /** Opens a blob for an owner, or joins those who have it open. */
  async acquire(use: BlobUse, description: BlobDescription): Promise<ServedBlob> {
    const cache = await this.#cache(use.cacheDirectory);
    const cached = await cache.openBlob(description, this.source);
    const servedAs = servedName(use, cached.blobId, cached.fileKey);
    const served = this.#served.get(servedAs) ?? this.#serve(servedAs, use, cached);
    await served.attach(use.owner, cached);
    return served;
  }

  async release(owner: string, served: ServedBlob): Promise<void> {
    await served.detach(owner);
    if (served.isUsed) return;
    // While the handle closed another may have taken its place.
    const { servedAs } = served;
    if (this.#served.get(servedAs) === served) this.#served.delete(servedAs);
  }

  async close(): Promise<void> {
    const all = [...this.#served.values()];
    this.#served.clear();
    await Promise.all(all.map((served) => served.close()));
    const caches = [...this.#caches.values()];
    this.#caches.clear();
    // Whoever asked for one that does not open has heard of it.
    const opened = await Promise.allSettled(caches);
    await Promise.all(
      opened.map((cache) => (cache.status === 'fulfilled' ? cache.value.close() : undefined)),
    );
    await this.source.close();
  }

  async #cache(directory: string): Promise<BlobCache> {
    const opening = this.#caches.get(directory) ?? this.#components.openCache(directory);
    this.#caches.set(directory, opening);
    try {
      return await opening;
    } catch (error) {
      if (this.#caches.get(directory) === opening) this.#caches.delete(directory);
      throw error;
    }
  }

  #serve(servedAs: string, use: BlobUse, cached: CachedBlob): ServedBlob {
    const served = new ServedBlob(servedAs, cached, use.missPolicy, this.#components);
    this.#served.set(servedAs, served);
    return served;
  }
}

/** Stable over restarts, because the kernel's file ids are derived from it; 49 characters. */
function servedName(use: BlobUse, blobId: string, fileKey: string): string {
  const facts = `${policyKey(use.missPolicy)} ${fileKey} ${use.cacheDirectory}`;
  const suffix = createHash('sha256').update(facts).digest('hex').slice(0, 16);
  return `${blobId.slice(0, 32)}-${suffix}`;
}
