/**
 * Opens the blobs of a mount: from the stored bootstrap and saved tables where possible, so that a
 * restart needs no network; at the first mount missing tables are fetched and saved. What was found
 * out about an image is kept while any of its mounts exists.
 */
import { type BlobDescription, type BlobSource, describeBlob } from '@shoal/blob-store';
import { type BlobRange, openBootstrap } from '@shoal/rafs';
import type { BootstrapStore, StoredBootstrap } from '../bootstraps/bootstrap-store.ts';
import { OfflineError } from '../errors.ts';
import type { LayerRecord } from '../state/mount-record.ts';
import type { BlobPool } from './blob-pool.ts';
import type { MissPolicy } from './blob-types.ts';
import { prefetchListOf } from './image-prefetch.ts';
import type { ServedBlob } from './served-blob.ts';

export type ImageBlobsRequest = {
  /** The mount's id. */
  readonly owner: string;
  readonly layerDigest: string;
  readonly stored: StoredBootstrap;
  readonly cacheDirectory: string;
  readonly missPolicy: MissPolicy;
  /** Data layers of the manifest: they tell the stored sizes. */
  readonly layers: readonly LayerRecord[];
  /** Of all its blobs; closed with them. */
  readonly source: BlobSource;
  /** True when nothing may be fetched: everything needed was saved before. */
  readonly isOffline: boolean;
};

export type OpenImageBlobs = {
  /** In the order of the image's device table. */
  readonly blobs: readonly ServedBlob[];
  /** What the image wants to be fetched first; told once for all its mounts. */
  readonly prefetchList: readonly BlobRange[];
  close(): Promise<void>;
};

type Described = {
  readonly owners: Set<string>;
  readonly descriptions: Promise<readonly BlobDescription[]>;
  prefetchList: readonly BlobRange[];
};

export class ImageBlobs {
  readonly #pool: BlobPool;
  readonly #bootstraps: BootstrapStore;
  /** By digest of the bootstrap layer. */
  readonly #described = new Map<string, Described>();

  constructor(pool: BlobPool, bootstraps: BootstrapStore) {
    this.#pool = pool;
    this.#bootstraps = bootstraps;
  }

  /** On failure nothing stays open. */
  async open(request: ImageBlobsRequest): Promise<OpenImageBlobs> {
    const { owner, source, stored } = request;
    const { blobIds } = stored.verified;
    const blobs: ServedBlob[] = [];
    const close = async () => {
      for (const blob of blobs.splice(0)) await this.#pool.release(owner, blob);
      for (const blobId of blobIds) this.#pool.removeSource(blobId, owner);
      this.#forget(request);
      await source.close();
    };
    for (const blobId of blobIds) this.#pool.addSource(blobId, owner, source);
    try {
      for (const description of await this.#describe(request)) {
        blobs.push(await this.#pool.acquire(request, description));
      }
    } catch (error) {
      await close();
      throw error;
    }
    return { blobs: [...blobs], prefetchList: this.#takePrefetchList(request), close };
  }

  #takePrefetchList({ layerDigest }: ImageBlobsRequest): readonly BlobRange[] {
    const described = this.#described.get(layerDigest);
    if (described === undefined) return [];
    const { prefetchList } = described;
    described.prefetchList = [];
    return prefetchList;
  }

  #describe(request: ImageBlobsRequest): Promise<readonly BlobDescription[]> {
    const { layerDigest, owner } = request;
    let described = this.#described.get(layerDigest);
    if (described === undefined) {
      const descriptions = this.#describeAll(request, (list) => {
        const known = this.#described.get(layerDigest);
        if (known !== undefined) known.prefetchList = list;
      });
      // A failure is its callers'; the next mount tries again.
      descriptions.catch(() => this.#described.delete(layerDigest));
      described = { owners: new Set(), descriptions, prefetchList: [] };
      this.#described.set(layerDigest, described);
    }
    described.owners.add(owner);
    return described.descriptions;
  }

  #forget({ layerDigest, owner }: ImageBlobsRequest): void {
    const described = this.#described.get(layerDigest);
    described?.owners.delete(owner);
    if (described?.owners.size === 0) this.#described.delete(layerDigest);
  }

  /** Without a signal: the mounts of one image share it, and one that gives up harms no other. */
  async #describeAll(
    request: ImageBlobsRequest,
    onPrefetchList: (list: readonly BlobRange[]) => void,
  ): Promise<readonly BlobDescription[]> {
    const { layerDigest, stored, layers, isOffline } = request;
    const bootstrap = openBootstrap(await this.#bootstraps.read(stored));
    onPrefetchList(prefetchListOf(bootstrap));
    const source = isOffline ? offlineSource : this.#pool.source;
    return Promise.all(
      stored.verified.blobIds.map(async (blobId, index) => {
        const { blobMeta, digestSection } = await this.#bootstraps.readBlobTables(
          layerDigest,
          blobId,
        );
        const layer = layers.find(({ digest }) => digest === `sha256:${blobId}`);
        const description = await describeBlob(bootstrap, index, source, {
          storedBytes: layer?.size ?? 0,
          ...(blobMeta === undefined ? {} : { blobMeta }),
          ...(digestSection === undefined ? {} : { digestSection }),
        });
        await this.#bootstraps.writeBlobTables(layerDigest, blobId, {
          blobMeta: blobMeta === undefined ? description.blobMeta : undefined,
          digestSection: digestSection === undefined ? description.digestSection : undefined,
        });
        return description;
      }),
    );
  }
}

/** Stands where a source is needed by type but must not be read. */
const offlineSource: BlobSource = {
  name: 'offline',
  read: (blob) => Promise.reject(new OfflineError(blob.blobId)),
  close: () => Promise.resolve(),
};
