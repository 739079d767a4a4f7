/**
 * What tells a converted image, in its manifest and in an index beside the original. Spec: format
 * page, sections 10.1 and 10.4.
 */
import type { Descriptor } from './descriptor.ts';
import type { ImageIndex, ImageManifest } from './manifest.ts';
import { isManifestMediaType, MediaType } from './media-type.ts';
import { NYDUS_OS_FEATURE, NydusAnnotation } from './nydus-annotation.ts';

/** The layer that holds the bootstrap; undefined of an ordinary image. */
export function bootstrapLayerOf({ layers }: ImageManifest): Descriptor | undefined {
  return layers.findLast(
    ({ annotations }) => annotations?.[NydusAnnotation.bootstrap] !== undefined,
  );
}

/**
 * True when the descriptor in an index is marked as a converted image: by an artifact type or, in
 * older images, by a platform feature. Images without either mark exist.
 */
export function isMarkedConverted(descriptor: Descriptor): boolean {
  if (descriptor.artifactType === MediaType.nydusManifestArtifact) return true;
  return descriptor.platform?.['os.features']?.includes(NYDUS_OS_FEATURE) === true;
}

/** The images an index lists: attestations and artifacts of other kinds left out. */
export function imagesOfIndex(index: ImageIndex): readonly Descriptor[] {
  return index.manifests.filter(
    ({ mediaType, platform }) => isManifestMediaType(mediaType) && platform?.os !== 'unknown',
  );
}
