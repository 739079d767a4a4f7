/**
 * One converted manifest: layers, bootstrap, configuration. Everything is stored and read back
 * when this returns, but nothing points at it yet.
 */
import type { Descriptor, ImageConfig, Platform } from '@shoal/oci';
import { formatPlatform, MediaType, sha256Digest } from '@shoal/oci';
import type { ManifestReport } from './convert-options.ts';
import { copyBlob, mountableRepository, writeBlob } from './copy-blob.ts';
import type { LayerInput } from './image-content.ts';
import { convertLayers } from './image-content.ts';
import { blobsOf, configMediaType, convertedConfig, convertedManifest } from './image-documents.ts';
import { readBackBlob } from './read-back.ts';
import type { ConvertSession } from './session.ts';
import type { WrittenBootstrap } from './write-bootstrap.ts';
import { writeBootstrap } from './write-bootstrap.ts';

export type ManifestInput = {
  readonly platform: Platform;
  readonly config: ImageConfig;
  readonly layers: readonly LayerInput[];
  /** The original manifest; undefined for a directory. */
  readonly original: Descriptor | undefined;
};

export type ConvertedManifest = {
  readonly bytes: Buffer;
  /** Its data blobs. */
  readonly blobs: readonly Descriptor[];
  readonly platform: Platform;
  readonly report: ManifestReport;
};

export async function convertManifest(
  session: ConvertSession,
  input: ManifestInput,
): Promise<ConvertedManifest> {
  const { settings, target, signal, onProgress } = session;
  const sizes = input.layers.map(({ source }) => source.storedBytes ?? 0);
  onProgress({
    kind: 'manifest',
    platform: formatPlatform(input.platform),
    layers: sizes.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  });
  const content = await convertLayers(session, input.layers);
  onProgress({ kind: 'step', text: 'writing the bootstrap' });
  const bootstrap = await writeBootstrap(session, content);
  await copyDictBlobs(session, bootstrap);
  // Torrents of a dictionary's blobs may have started them again; what follows needs none.
  await session.threads.close();
  for (const blob of content.blobs) {
    if (blob.kind === 'layer' && blob.isNew) await readBackBlob(target, blob.blob, signal);
  }
  const parts = {
    config: input.config,
    layerBlobs: content.layerBlobs,
    dictBlobs: bootstrap.dictBlobs.map(({ blob }) => blob.descriptor),
    bootstrap,
    infohashes: session.torrents?.infohashes(),
  };
  const configBytes = convertedConfig(parts);
  const mediaType = configMediaType(settings.mergePlatform);
  const identity = { digest: sha256Digest(configBytes), mediaType };
  const config = await writeBlob(target, configBytes, identity, signal);
  const subject = settings.withReferrer ? input.original : undefined;
  const bytes = convertedManifest(parts, { ...identity, size: config.size }, subject);
  const report = {
    platform: formatPlatform(input.platform),
    sourceManifest: input.original?.digest ?? '',
    targetManifest: sha256Digest(bytes),
    layers: content.reports,
    bootstrapBytes: bootstrap.bootstrapBytes,
    bootstrapLayerBytes: bootstrap.descriptor.size,
    inodes: bootstrap.inodes,
  };
  return { bytes, blobs: blobsOf(parts), platform: input.platform, report };
}

async function copyDictBlobs(session: ConvertSession, { dictBlobs }: WrittenBootstrap) {
  const { dicts, settings, target, torrents, signal } = session;
  for (const { dict: number, blob } of dictBlobs) {
    const dict = dicts[number];
    if (dict === undefined) continue;
    const fromRepository = mountableRepository(dict.reference, settings.target);
    const descriptor = { ...blob.descriptor, mediaType: MediaType.nydusBlob };
    await copyBlob(dict.store, target, descriptor, { fromRepository, signal });
    await torrents?.addDictBlob(dict, blob.descriptor);
  }
}
