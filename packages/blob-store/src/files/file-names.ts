/**
 * The files of one blob in a cache directory (rafs-v6, section 8; docs/cache.md). A *key* is the
 * blob's id, or the id and a suffix for a second description of it.
 */
import { join } from 'node:path';

export const SUFFIX = {
  data: '.blob.data',
  map: '.blob.data.chunk_map',
  /** What nydusd up to 2.2 called the chunk map. */
  legacyMap: '.chunk_map',
  meta: '.blob.meta',
  digests: '.shoal.digests',
  storedLayout: '.shoal.stored',
} as const;

/** Also nydusd's, worthless without the data: removed with it. */
const COMPANIONS = ['.blob.digest', '.blob.toc', '.image.boot'] as const;
const KEY = /^([0-9a-f]{64}(?:-[0-9a-f]{16})?)\.(?:blob\.|chunk_map$|shoal\.|image\.boot$)/;

export type BlobPaths = Record<keyof typeof SUFFIX, string>;

export function blobPaths(directory: string, key: string): BlobPaths {
  const at = (suffix: string) => join(directory, key + suffix);
  return {
    data: at(SUFFIX.data),
    map: at(SUFFIX.map),
    legacyMap: at(SUFFIX.legacyMap),
    meta: at(SUFFIX.meta),
    digests: at(SUFFIX.digests),
    storedLayout: at(SUFFIX.storedLayout),
  };
}

/** In this order a removal that is cut short leaves nothing that claims to be complete. */
export function removalOrder(directory: string, key: string): readonly string[] {
  const { digests, storedLayout, map, legacyMap, data, meta } = blobPaths(directory, key);
  const companions = COMPANIONS.map((suffix) => join(directory, key + suffix));
  return [map, legacyMap, digests, storedLayout, data, meta, ...companions];
}

/** The key a file of the directory belongs to; undefined for files that are not a blob's. */
export function keyOfFile(name: string): string | undefined {
  return KEY.exec(name)?.[1];
}
