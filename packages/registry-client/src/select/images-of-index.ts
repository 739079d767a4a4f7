/**
 * The images an index lists, those of indexes inside it included.
 */
import {
  type Descriptor,
  DocumentLimitError,
  type ImageIndex,
  imagesOfIndex,
  isIndexMediaType,
  type Platform,
} from '@shoal/oci';
import type { ImageStore } from '../image-store.ts';
import { INDEX_DEPTH_MAX, NESTED_INDEXES_MAX } from '../limits.ts';
import { readDocument } from './read-document.ts';

/**
 * In the order they are listed; an image without a platform has the one of the index it lies in.
 * Throws `ERR_OCI_DOCUMENT_LIMIT` for indexes that nest too deep or are too many.
 */
export async function imagesBelow(
  store: ImageStore,
  index: ImageIndex,
  signal?: AbortSignal,
): Promise<readonly Descriptor[]> {
  const images: Descriptor[] = [];
  let indexesRead = 0;
  const collect = async (from: ImageIndex, platform: Platform | undefined, depth: number) => {
    const listed = new Set(imagesOfIndex(from));
    for (const entry of from.manifests) {
      const own = entry.platform ?? platform;
      if (listed.has(entry)) images.push(own === entry.platform ? entry : { ...entry, platform });
      if (!isIndexMediaType(entry.mediaType)) continue;
      if (depth >= INDEX_DEPTH_MAX) throw tooMany(store, 'indexes nested too deep');
      if (++indexesRead > NESTED_INDEXES_MAX) throw tooMany(store, 'too many indexes inside it');
      const nested = await readDocument(store, entry, signal);
      if (nested.kind === 'index') await collect(nested, own, depth + 1);
    }
  };
  await collect(index, undefined, 1);
  return images;
}

function tooMany(store: ImageStore, detail: string): DocumentLimitError {
  return new DocumentLimitError(store.description, detail);
}
