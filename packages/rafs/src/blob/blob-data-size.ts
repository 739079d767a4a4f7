/** Where the chunks of a blob end and its sections begin. */
import { hasBlobFeature } from '../blob-features.ts';
import type { BlobTableEntry } from '../blob-table-entry.ts';
import { SECTION_HEADER_SIZE } from './section-header.ts';

/**
 * Bytes of chunk data at the start of the blob. Since Nydus 2.2 this follows from where the
 * chunk-info array starts; before, and in OCI-ref images, it is stated.
 */
export function blobDataSize(entry: BlobTableEntry): number {
  const { features } = entry;
  if (hasBlobFeature(features, 'separate')) return entry.compressedSize;
  if (!hasBlobFeature(features, 'capTarToc')) return entry.compressedSize;
  return entry.ciOffset - (hasBlobFeature(features, 'hasTarHeader') ? SECTION_HEADER_SIZE : 0);
}
