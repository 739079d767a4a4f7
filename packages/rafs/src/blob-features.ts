/**
 * Feature bits of a blob, in blob table entries and chunk-info headers (docs/format.md, "Blob
 * features"). An unknown bit among the low 16 makes a blob unreadable; unknown high bits are ignored.
 */
import { RafsUnsupportedError } from './errors.ts';

export const BlobFeature = {
  /** Uncompressed chunks start at multiples of 4 KiB: always set in v6. */
  aligned: 0x1,
  inlinedFsMeta: 0x2,
  chunkInfoV2: 0x4,
  zran: 0x8,
  separate: 0x10,
  inlinedChunkDigest: 0x20,
  tarfs: 0x40,
  batch: 0x80,
  encrypted: 0x100,
  chunkDictGenerated: 0x200,
  separatedWithPrefetchFiles: 0x400,
  external: 0x800,
  hasTarHeader: 0x1000_0000,
  hasToc: 0x2000_0000,
  /** Written by Nydus 2.2 or later. */
  capTarToc: 0x4000_0000,
  /** Internal to nydusd, never on disk. */
  v5: 0x8000_0000,
} as const;
export type BlobFeature = keyof typeof BlobFeature;

/** What Shoal's converter writes: aligned, digests inlined, tar headers, table of contents. */
export const WRITTEN_BLOB_FEATURES = 0x7000_0021;

const INCOMPATIBLE_MASK = 0xffff;
const INCOMPATIBLE_KNOWN = 0x0fff;
const DATA_UNREADABLE: readonly BlobFeature[] = ['zran', 'separate', 'tarfs', 'external'];

export function hasBlobFeature(features: number, feature: BlobFeature): boolean {
  return (features & BlobFeature[feature]) !== 0;
}

/** Names of the set bits, for printing. */
export function blobFeatureNames(features: number): readonly BlobFeature[] {
  const names: BlobFeature[] = [];
  for (const name of Object.keys(BlobFeature)) {
    if (isBlobFeature(name) && hasBlobFeature(features, name)) names.push(name);
  }
  return names;
}

/** Throws ERR_RAFS_UNSUPPORTED when an incompatible bit is set that nobody defined. */
export function checkKnownFeatures(features: number, structure: string): void {
  const unknown = features & INCOMPATIBLE_MASK & ~INCOMPATIBLE_KNOWN;
  if (unknown === 0) return;
  throw new RafsUnsupportedError(structure, `unknown blob features 0x${unknown.toString(16)}`);
}

/** Throws ERR_RAFS_UNSUPPORTED when the data of such a blob cannot be read by Shoal. */
export function checkReadableFeatures(features: number, structure: string): void {
  for (const feature of DATA_UNREADABLE) {
    if (!hasBlobFeature(features, feature)) continue;
    throw new RafsUnsupportedError(
      structure,
      `blobs with the feature ${feature} are not supported`,
    );
  }
}

function isBlobFeature(name: string): name is BlobFeature {
  return Object.hasOwn(BlobFeature, name);
}
