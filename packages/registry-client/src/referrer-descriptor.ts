/**
 * How a list of referrers names a manifest.
 */
import type { Descriptor, ImageIndex, ImageManifest } from '@shoal/oci';

/** Its artifact type and annotations are part of the entry. Spec: OCI distribution, "Listing referrers". */
export function referrerDescriptor(
  entry: Descriptor,
  document: ImageManifest | ImageIndex,
): Descriptor {
  const config = document.kind === 'manifest' ? document.config.mediaType : undefined;
  const artifactType = document.artifactType ?? config;
  return {
    mediaType: entry.mediaType,
    digest: entry.digest,
    size: entry.size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(document.annotations === undefined ? {} : { annotations: document.annotations }),
  };
}
