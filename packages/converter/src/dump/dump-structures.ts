/**
 * What `shoal dump` shows: the structures of a bootstrap as they are decoded, one kind at a time.
 * Keys of encrypted blobs are never shown.
 */
import type { BlobTableEntry, Bootstrap } from '@shoal/rafs';
import { blobFeatureNames } from '@shoal/rafs';
import { ImagePathError } from '../errors.ts';
import type { BootstrapTreeView } from '../image/bootstrap-tree-view.ts';
import { flagNames } from '../inspect/bootstrap-facts.ts';
import { pathsOfNids } from '../inspect/paths-of-nids.ts';

export const DUMP_STRUCTURES = ['superblock', 'blobs', 'prefetch', 'chunks', 'inode'] as const;
export type DumpStructure = (typeof DUMP_STRUCTURES)[number];

type Facts = Record<string, unknown>;

/** The superblock and its extension. */
export function dumpSuperblock({ superblock, extended, bytes }: Bootstrap): Facts {
  return {
    sizeBytes: bytes.length,
    superblock: { ...superblock },
    extended: { ...extended, flags: hex(extended.flags), flagNames: flagNames(extended.flags) },
  };
}

/** Blob table and device slots, side by side. */
export function dumpBlobs({ blobs, deviceSlots }: Bootstrap): Facts[] {
  return blobs.map((blob, index) => ({
    ...blobFields(blob),
    device: deviceSlots[index] === undefined ? undefined : { ...deviceSlots[index] },
  }));
}

function blobFields(blob: BlobTableEntry): Facts {
  const shown = Object.entries(blob).filter(([key]) => key !== 'cipher');
  const printed = shown.map(([key, value]) => [
    key,
    Buffer.isBuffer(value) ? value.toString('hex') : value,
  ]);
  return {
    ...Object.fromEntries(printed),
    features: hex(blob.features),
    featureNames: blobFeatureNames(blob.features),
  };
}

/** The prefetch table with the paths its numbers stand for. */
export function dumpPrefetch(view: BootstrapTreeView): Facts[] {
  const { prefetchNids } = view.bootstrap;
  const paths = pathsOfNids(view, prefetchNids);
  return prefetchNids.map((nid, index) => ({ nid, path: paths[index] }));
}

/** Records of the chunk table, all or those of one blob. Throws for a blob that is not there. */
export function* dumpChunks(bootstrap: Bootstrap, blobIndex?: number): Generator<Facts, void> {
  if (blobIndex !== undefined && blobIndex >= bootstrap.blobs.length) {
    throw new ImagePathError(
      `blob ${blobIndex}`,
      `is not there: the image has ${bootstrap.blobs.length}`,
      {
        remedy: 'blobs are numbered from 0; see shoal dump REF blobs',
      },
    );
  }
  for (const record of bootstrap.chunkRecords()) {
    if (blobIndex !== undefined && record.blobIndex !== blobIndex) continue;
    yield { ...record, digest: record.digest.toString('hex') };
  }
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}
