/**
 * Manifest and configuration of an image that was unpacked: the converted ones without what the
 * conversion added, and with the one layer that holds everything.
 */
import type { Descriptor, Digest, HistoryEntry, ImageConfig, ImageManifest } from '@shoal/oci';
import { isDockerMediaType, MediaType } from '@shoal/oci';
import { ownSteps, UNPACK_AUTHOR } from '../image/added-history.ts';
import type { LayerCompression } from './layer-compression.ts';

const NYDUS_PREFIX = 'containerd.io/snapshot/nydus-';

/** The configuration, for one layer with this diff id. */
export function ordinaryConfig(converted: ImageConfig, diffId: Digest): ImageConfig {
  return {
    ...converted,
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: ordinaryHistory(converted),
  };
}

/** The steps stay readable, but one layer now holds what they made. */
function ordinaryHistory({ history, created }: ImageConfig): HistoryEntry[] {
  const emptied = ownSteps(history).map((step) => ({ ...step, empty_layer: true }));
  const merged: HistoryEntry = {
    ...(created === undefined ? {} : { created }),
    created_by: UNPACK_AUTHOR,
    comment: 'all layers in one',
  };
  return [...emptied, merged];
}

/** The manifest; Docker types where the converted one has them. */
export function ordinaryManifest(
  converted: ImageManifest,
  config: Descriptor,
  layer: Descriptor,
): ImageManifest {
  const { subject: _, artifactType: __, annotations, ...rest } = converted;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !key.startsWith(NYDUS_PREFIX));
  return {
    ...rest,
    config,
    layers: [layer],
    ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }),
  };
}

/** The media type of a configuration in an ordinary image. */
export function configMediaType(converted: ImageManifest): string {
  return isDockerMediaType(converted.mediaType) ? MediaType.dockerConfig : MediaType.ociConfig;
}

/** The media type of the layer. */
export function layerMediaType(converted: ImageManifest, compression: LayerCompression): string {
  const isDocker = isDockerMediaType(converted.mediaType);
  switch (compression) {
    case 'none':
      return isDocker ? MediaType.dockerLayerTar : MediaType.ociLayerTar;
    case 'zstd':
      return isDocker ? MediaType.dockerLayerTarZstd : MediaType.ociLayerTarZstd;
    default:
      return isDocker ? MediaType.dockerLayerTarGzip : MediaType.ociLayerTarGzip;
  }
}
