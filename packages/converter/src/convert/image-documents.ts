/**
 * Configuration, manifest and index of a converted image, as Nydus packs them: data blobs, the
 * bootstrap last, its marks as annotations. Pure. Documents are OCI ones whatever the source's are.
 */
import type { Descriptor, Digest, HistoryEntry, ImageConfig, Platform } from '@shoal/oci';
import {
  encodeImageConfig,
  encodeManifest,
  MediaType,
  NYDUS_OS_FEATURE,
  NydusAnnotation,
  ShoalAnnotation,
} from '@shoal/oci';

const FS_VERSION = '6';
const CREATED_BY = 'shoal convert';

export type ConvertedParts = {
  readonly config: ImageConfig;
  /** Data blob of each source layer, undefined where it needed none. */
  readonly layerBlobs: readonly (Descriptor | undefined)[];
  /** Blobs of chunk dictionaries the image refers to. */
  readonly dictBlobs: readonly Descriptor[];
  readonly bootstrap: { readonly descriptor: Descriptor; readonly diffId: Digest };
  /** Of blobs that have a torrent. */
  readonly infohashes?: ReadonlyMap<Digest, string> | undefined;
};

/** All data blobs in the order of the layers: those of dictionaries after the image's own. */
export function blobsOf({
  layerBlobs,
  dictBlobs,
}: Pick<ConvertedParts, 'layerBlobs' | 'dictBlobs'>): Descriptor[] {
  return [...layerBlobs.filter((blob) => blob !== undefined), ...dictBlobs];
}

/** The source's configuration with the layers of the converted image. */
export function convertedConfig(parts: ConvertedParts): Buffer {
  const blobs = blobsOf(parts);
  const diffIds = [...blobs.map(({ digest }) => digest), parts.bootstrap.diffId];
  const history = convertedHistory(parts);
  return encodeImageConfig({
    ...parts.config,
    rootfs: { type: 'layers', diff_ids: diffIds },
    ...(history === undefined ? {} : { history }),
  });
}

/** One entry per layer that is not empty, as readers of a configuration expect. */
function convertedHistory({ config, layerBlobs, dictBlobs }: ConvertedParts) {
  const { history } = config;
  if (history === undefined) return undefined;
  const filled = history.filter(({ empty_layer }) => empty_layer !== true);
  if (filled.length !== layerBlobs.length) return undefined;
  let layer = 0;
  const entries: HistoryEntry[] = [];
  for (const entry of history) {
    const isEmpty = entry.empty_layer === true || layerBlobs[layer++] === undefined;
    entries.push(isEmpty ? { ...entry, empty_layer: true } : entry);
  }
  for (const _ of dictBlobs) entries.push({ created_by: CREATED_BY, comment: 'chunk dictionary' });
  entries.push({ created_by: CREATED_BY, comment: 'Nydus Bootstrap Layer' });
  return entries;
}

/** The manifest's layers: blobs with their mark, the bootstrap last. */
function layersOf(parts: ConvertedParts): Descriptor[] {
  const blobs = blobsOf(parts);
  const layers: Descriptor[] = blobs.map(({ digest, size }) => ({
    mediaType: MediaType.nydusBlob,
    digest,
    size,
    annotations: { [NydusAnnotation.blob]: 'true', ...infohashMark(parts, digest) },
  }));
  const { digest, size, mediaType } = parts.bootstrap.descriptor;
  layers.push({
    mediaType,
    digest,
    size,
    annotations: { [NydusAnnotation.bootstrap]: 'true', [NydusAnnotation.fsVersion]: FS_VERSION },
  });
  return layers;
}

function infohashMark({ infohashes }: ConvertedParts, digest: Digest): Record<string, string> {
  const infohash = infohashes?.get(digest);
  return infohash === undefined ? {} : { [ShoalAnnotation.infohash]: infohash };
}

/** Media type of the configuration: a merged index hides it from runtimes that know no Nydus. */
export function configMediaType(isMerged: boolean): string {
  return isMerged ? MediaType.nydusConfig : MediaType.ociConfig;
}

export function convertedManifest(
  parts: ConvertedParts,
  config: Descriptor,
  subject: Descriptor | undefined,
): Buffer {
  return encodeManifest({
    kind: 'manifest',
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config,
    layers: layersOf(parts),
    ...(subject === undefined
      ? {}
      : { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } }),
  });
}

export type IndexEntry = {
  readonly descriptor: Descriptor;
  readonly platform: Platform | undefined;
  readonly isConverted: boolean;
};

/** An index; converted manifests in a merged one are marked as Nydus marks them. */
export function convertedIndex(entries: readonly IndexEntry[], isMerged: boolean): Buffer {
  const manifests = entries.map(({ descriptor, platform, isConverted }): Descriptor => {
    const { mediaType, digest, size, annotations } = descriptor;
    const plain = { mediaType, digest, size, annotations };
    if (!isMerged || !isConverted || platform === undefined) return { ...plain, platform };
    const marked = {
      ...platform,
      'os.features': [...(platform['os.features'] ?? []), NYDUS_OS_FEATURE],
    };
    return { ...plain, platform: marked, artifactType: MediaType.nydusManifestArtifact };
  });
  return encodeManifest({
    kind: 'index',
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests,
  });
}
