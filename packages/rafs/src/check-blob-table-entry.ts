/**
 * Whether a blob table entry makes sense: alone, against the image's chunk size and against its
 * device slot. Everything a reader later allocates for a blob is bounded by what passes here.
 */
import { blobDataSize } from './blob/blob-data-size.ts';
import { CHUNK_INFO_V1_SIZE, CHUNK_INFO_V2_SIZE } from './blob/chunk-info.ts';
import { checkKnownFeatures, hasBlobFeature } from './blob-features.ts';
import type { BlobTableEntry } from './blob-table-entry.ts';
import type { DeviceSlot } from './device-slot.ts';
import { RafsCorruptError, RafsLimitError } from './errors.ts';
import { BLOCK_SIZE } from './layout.ts';
import {
  BLOB_COMPRESSED_BYTES_MAX,
  BLOB_UNCOMPRESSED_BYTES_MAX,
  CHUNK_INFO_BYTES_MAX,
  CHUNKS_PER_BLOB_MAX,
} from './limits.ts';

const WHERE = 'blob table entry';

/** Throws a coded error naming the first rule that is broken. */
export function checkBlobTableEntry(
  entry: BlobTableEntry,
  position: number,
  chunkSize: number,
  slot: DeviceSlot,
): void {
  checkKnownFeatures(entry.features, `blob ${entry.blobId}`);
  const fail = (detail: string): never => {
    throw new RafsCorruptError(WHERE, `blob ${entry.blobId}: ${detail}`);
  };
  if (entry.blobIndex !== position) fail(`index ${entry.blobIndex} at position ${position}`);
  if (entry.chunkSize !== chunkSize)
    fail(`chunk size ${entry.chunkSize}, the image's ${chunkSize}`);
  if (entry.chunkCount === 0) fail('it has no chunks');
  if (!hasBlobFeature(entry.features, 'aligned')) fail('its chunks are not aligned');
  if (hasBlobFeature(entry.features, 'v5')) fail('an internal feature is set');
  if (entry.blobId !== slot.blobId) fail('the device slot names another blob');
  if (entry.uncompressedSize !== slot.blocks * BLOCK_SIZE) {
    fail(`${entry.uncompressedSize} bytes, but ${slot.blocks} blocks in its device slot`);
  }
  const { firstReads } = entry;
  if (firstReads !== undefined && firstReads.block + firstReads.blocks > slot.blocks) {
    fail(`its first reads end at block ${firstReads.block + firstReads.blocks} of ${slot.blocks}`);
  }
  checkSizes(entry);
  checkChunkInfo(entry, fail);
}

function checkSizes(entry: BlobTableEntry): void {
  const sizes: readonly (readonly [string, number, number])[] = [
    ['chunks', entry.chunkCount, CHUNKS_PER_BLOB_MAX],
    ['uncompressed bytes', entry.uncompressedSize, BLOB_UNCOMPRESSED_BYTES_MAX],
    ['compressed bytes', entry.compressedSize, BLOB_COMPRESSED_BYTES_MAX],
    ['bytes before its chunk-info', entry.ciOffset, BLOB_COMPRESSED_BYTES_MAX],
    ['bytes of chunk-info', entry.ciUncompressedSize, CHUNK_INFO_BYTES_MAX],
  ];
  for (const [what, size, max] of sizes) {
    if (size > max) {
      throw new RafsLimitError(`blob ${entry.blobId} has ${size} ${what}, more than ${max}`);
    }
  }
  // Readers keep a bit for each block: a few chunks must not stand for terabytes.
  const { uncompressedSize, chunkCount, chunkSize } = entry;
  if (uncompressedSize > chunkCount * chunkSize) {
    throw new RafsCorruptError(
      WHERE,
      `blob ${entry.blobId}: ${uncompressedSize} bytes, but ${chunkCount} chunks of ${chunkSize}`,
    );
  }
}

function checkChunkInfo(entry: BlobTableEntry, fail: (detail: string) => never): void {
  const { features, chunkCount, ciUncompressedSize } = entry;
  const isV2 = hasBlobFeature(features, 'chunkInfoV2');
  const needsV2 = (['zran', 'batch', 'encrypted'] as const).filter((feature) =>
    hasBlobFeature(features, feature),
  );
  if (needsV2.length > 0 && !isV2) fail(`the feature ${needsV2.join()} needs chunk-info v2`);
  if (entry.ciCompressedSize > ciUncompressedSize) fail('its chunk-info grows by compression');
  const entries = chunkCount * (isV2 ? CHUNK_INFO_V2_SIZE : CHUNK_INFO_V1_SIZE);
  const fits = needsV2.length > 0 ? ciUncompressedSize >= entries : ciUncompressedSize === entries;
  const isRelaxed =
    hasBlobFeature(features, 'chunkDictGenerated') || hasBlobFeature(features, 'tarfs');
  if (!fits && !isRelaxed)
    fail(`${ciUncompressedSize} bytes of chunk-info for ${chunkCount} chunks`);
  if (blobDataSize(entry) < 0) fail('its chunk-info starts before its data ends');
  if (hasBlobFeature(features, 'encrypted') !== (entry.cipher !== undefined)) {
    fail('its encryption feature and its cipher disagree');
  }
}
