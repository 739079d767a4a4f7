/** What `shoal inspect` tells about a bootstrap. Plain data; the command prints it. */
import type { BlobTableEntry, Bootstrap, BootstrapSummary } from '@shoal/rafs';
import {
  BLOBS_MAX,
  BOOTSTRAP_BYTES_MAX,
  blobFeatureNames,
  CHUNKS_PER_BLOB_MAX,
  hasBlobFeature,
  RafsFlag,
} from '@shoal/rafs';
import type { BootstrapTreeView } from '../image/bootstrap-tree-view.ts';
import type { ContentStatistics } from './content-statistics.ts';
import { countContent } from './content-statistics.ts';
import { pathsOfNids } from './paths-of-nids.ts';

export type BlobFacts = {
  readonly id: string;
  /** Bytes of chunk data as the builder counted them. */
  readonly compressedBytes: number;
  /** Bytes of the device file. */
  readonly uncompressedBytes: number;
  readonly chunks: number;
  readonly compressor: string;
  readonly digester: string;
  readonly features: readonly string[];
  readonly isEncrypted: boolean;
};

export type LimitFacts = { readonly used: number; readonly max: number };

export type BootstrapFacts = {
  readonly format: 'RAFS v6';
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
  readonly compressor: string;
  readonly digester: string;
  readonly flags: readonly string[];
  /** Counts of objects, names, chunk entries, and of what a mounter must neutralise. */
  readonly tree: BootstrapSummary & { readonly hardLinks: number };
  readonly content: ContentStatistics;
  readonly dedupe: { readonly savedBytes: number; readonly savedPercent: number };
  readonly blobs: readonly BlobFacts[];
  /** What the image asks to be fetched first. */
  readonly prefetch: readonly string[];
  /** How near the image is to what the format can hold. */
  readonly limits: {
    readonly blobs: LimitFacts;
    readonly chunksOfOneBlob: LimitFacts;
    readonly bootstrapBytes: LimitFacts;
  };
};

/** Facts of a verified bootstrap. */
export function bootstrapFacts(view: BootstrapTreeView, summary: BootstrapSummary): BootstrapFacts {
  const { bootstrap } = view;
  const content = countContent(bootstrap);
  const savedBytes = summary.bytes - content.distinctBytes;
  const share = summary.bytes === 0 ? 0 : savedBytes / summary.bytes;
  return {
    format: 'RAFS v6',
    sizeBytes: bootstrap.bytes.length,
    chunkSizeBytes: bootstrap.chunkSize,
    compressor: bootstrap.compressor,
    digester: bootstrap.digester,
    flags: flagNames(bootstrap.flags),
    // The root is an object without a name.
    tree: { ...summary, hardLinks: summary.names + 1 - summary.inodes },
    content,
    dedupe: { savedBytes, savedPercent: Math.round(share * 1000) / 10 },
    blobs: bootstrap.blobs.map(blobFacts),
    prefetch: pathsOfNids(view, bootstrap.prefetchNids),
    limits: limitFacts(bootstrap),
  };
}

/** Names of the set flags of the extended superblock. */
export function flagNames(flags: number): readonly string[] {
  return Object.entries(RafsFlag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
}

function blobFacts(blob: BlobTableEntry): BlobFacts {
  return {
    id: blob.blobId,
    compressedBytes: blob.compressedSize,
    uncompressedBytes: blob.uncompressedSize,
    chunks: blob.chunkCount,
    compressor: blob.compressor,
    digester: blob.digester,
    features: blobFeatureNames(blob.features),
    isEncrypted: hasBlobFeature(blob.features, 'encrypted'),
  };
}

function limitFacts({ blobs, bytes }: Bootstrap): BootstrapFacts['limits'] {
  const largest = blobs.reduce((most, { chunkCount }) => Math.max(most, chunkCount), 0);
  return {
    blobs: { used: blobs.length, max: BLOBS_MAX },
    chunksOfOneBlob: { used: largest, max: CHUNKS_PER_BLOB_MAX },
    bootstrapBytes: { used: bytes.length, max: BOOTSTRAP_BYTES_MAX },
  };
}
