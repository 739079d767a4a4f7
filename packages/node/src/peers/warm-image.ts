/** Fetches all layers of an image into this host's store for others, through the peers. */
import { type BlobSource, registryBlobSource } from '@shoal/blob-store';
import {
  blobIdOfDigest,
  formatReference,
  formatRepository,
  hostPlatform,
  parsePlatform,
  parseReference,
} from '@shoal/oci';
import type { Peer, PreheatOrder, WarmCall } from '@shoal/p2p-peer';
import { selectManifest } from '@shoal/registry-client/stores';
import { type ImageAccess, ImageUnusableError } from '@shoal/snapshotter';

/** Four pieces, a quarter of an extent: several holders have a part in each, and progress shows on slow links. */
const READ_BYTES = 4 << 20;

export type WarmNeed = {
  readonly access: ImageAccess;
  readonly peer: Pick<Peer, 'source' | 'learn'>;
  /** Shapes what is fetched from registries. */
  readonly shape: (source: BlobSource) => BlobSource;
};

/** Throws what the registry and the peers do. */
export async function warmImage(
  { reference: text, platform }: PreheatOrder,
  { signal, onProgress }: WarmCall,
  { access, peer, shape }: WarmNeed,
): Promise<void> {
  const reference = parseReference(text);
  if (reference.kind !== 'registry') {
    throw new ImageUnusableError(text, 'only images of registries are made ready', {
      remedy: 'name an image in a registry',
    });
  }
  const target = { reference: text, source: {}, missPolicy: { kind: 'wait' } } as const;
  await using store = await access.open(target);
  const { manifest, descriptor } = await selectManifest(store, {
    platform: platform === undefined ? hostPlatform() : parsePlatform(platform),
    prefer: 'converted',
    signal,
  });
  const { layers } = manifest;
  const origin = registryBlobSource(store, { descriptors: layers, closesStore: false });
  const source = peer.source(shape(origin), formatRepository(reference), 'believing');
  peer.learn({
    ...{ name: formatReference(reference), repository: formatRepository(reference) },
    manifestDigest: descriptor.digest,
    blobs: layers.map(({ digest, size }) => ({ blobId: blobIdOfDigest(digest), sizeBytes: size })),
  });
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  onProgress(done, total);
  for (const { digest, size } of layers) {
    const blob = { blobId: blobIdOfDigest(digest), sizeBytes: size };
    for (let offset = 0; offset < size; offset += READ_BYTES) {
      const length = Math.min(READ_BYTES, size - offset);
      await source.read(blob, offset, length, { signal, priority: 'preheat' });
      done += length;
      onProgress(done, total);
    }
  }
}
