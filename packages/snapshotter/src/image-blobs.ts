/**
 * Opens the blobs of a mount: from the stored bootstrap and saved chunk tables where possible, so
 * that a restart needs no network; at the first mount the missing tables are fetched and saved.
 */
import type { BlobDescription, BlobSource } from '@shoal/blob-store';
import { describeBlob } from '@shoal/blob-store';
import { openBootstrap } from '@shoal/rafs';
import type { BlobPool } from './blob-pool.ts';
import type { BootstrapStore, StoredBootstrap } from './bootstrap-store.ts';
import { OfflineError } from './errors.ts';
import type { LayerRecord } from './mount-record.ts';
import type { MissPolicy } from './mount-types.ts';
import type { ServedBlob } from './served-blob.ts';

export type ImageBlobsComponents = {
  readonly pool: BlobPool;
  readonly bootstraps: BootstrapStore;
};

export type ImageBlobsRequest = {
  /** The mount's id. */
  readonly owner: string;
  readonly layerDigest: string;
  readonly stored: StoredBootstrap;
  readonly cacheDirectory: string;
  readonly missPolicy: MissPolicy;
  /** Data layers of the manifest: they tell the stored sizes. */
  readonly layers: readonly LayerRecord[];
  /** True when nothing may be fetched: everything needed was saved before. */
  readonly isOffline: boolean;
  /** Of all its blobs; closing it is the caller's. */
  readonly source: BlobSource;
  readonly signal?: AbortSignal;
};

/** All blobs, in the order of the image's device table; on failure none stays open. */
export async function openImageBlobs(
  components: ImageBlobsComponents,
  request: ImageBlobsRequest,
): Promise<ServedBlob[]> {
  const { blobIds } = request.stored.verified;
  const describe = describer(components, request);
  const outcomes = await Promise.allSettled(
    blobIds.map((blobId, index) =>
      components.pool.acquire({
        owner: request.owner,
        cacheDirectory: request.cacheDirectory,
        blobId,
        missPolicy: request.missPolicy,
        source: request.source,
        describe: (source) => describe(blobId, index, source),
      }),
    ),
  );
  const blobs: ServedBlob[] = [];
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') {
      await closeImageBlobs(components.pool, request.owner, request.cacheDirectory, blobIds);
      throw outcome.reason;
    }
    blobs.push(outcome.value);
  }
  return blobs;
}

export async function closeImageBlobs(
  pool: BlobPool,
  owner: string,
  cacheDirectory: string,
  blobIds: readonly string[],
): Promise<void> {
  for (const blobId of blobIds) await pool.release(owner, cacheDirectory, blobId);
}

function describer({ bootstraps }: ImageBlobsComponents, request: ImageBlobsRequest) {
  const { layerDigest, stored, layers, isOffline, signal } = request;
  // Read once, and not at all when every blob is open already.
  let opening: Promise<ReturnType<typeof openBootstrap>> | undefined;
  return async (blobId: string, index: number, source: BlobSource): Promise<BlobDescription> => {
    opening ??= bootstraps.read(stored).then(openBootstrap);
    const saved = await bootstraps.readBlobMeta(layerDigest, blobId);
    const layer = layers.find(({ digest }) => digest === `sha256:${blobId}`);
    const origin = isOffline ? offlineSource : source;
    const description = await describeBlob(await opening, index, origin, {
      storedBytes: layer?.size ?? 0,
      ...(saved === undefined ? {} : { blobMeta: saved }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (saved === undefined && description.blobMeta !== undefined) {
      await bootstraps.writeBlobMeta(layerDigest, blobId, description.blobMeta);
    }
    return description;
  };
}

/** Stands where a source is needed by type but must not be read. */
const offlineSource: BlobSource = {
  name: 'offline',
  read: (blob) => Promise.reject(new OfflineError(blob.blobId)),
  close: () => Promise.resolve(),
};
