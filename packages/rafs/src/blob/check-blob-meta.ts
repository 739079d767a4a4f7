/**
 * Whether every entry of a chunk-info array lies inside its blob, in order and without overlap: the
 * work of reading a blob is then bounded by its own size.
 */
import { checkReadableFeatures, hasBlobFeature } from '../blob-features.ts';
import type { BlobTableEntry } from '../blob-table-entry.ts';
import { RafsCorruptError } from '../errors.ts';
import { CHUNK_SIZE_MAX } from '../limits.ts';
import { blobDataSize } from './blob-data-size.ts';
import type { BlobMeta } from './blob-meta.ts';
import type { ChunkInfo } from './chunk-info.ts';
import { BATCH_CONTEXT_SIZE, ChunkInfoFlag } from './chunk-info.ts';

const WHERE = 'chunk-info';

/** Throws a coded error for the first entry that breaks a rule. */
export function checkBlobMeta(meta: BlobMeta, entry: BlobTableEntry): void {
  checkReadableFeatures(entry.features, `blob ${entry.blobId}`);
  checkContexts(meta, entry);
  const dataSize = blobDataSize(entry);
  let end = 0;
  for (let index = 0; index < meta.chunkCount; index++) {
    const chunk = meta.chunk(index);
    const problem =
      uncompressedProblem(chunk, end, entry) ??
      ((chunk.flags & ChunkInfoFlag.batch) === 0
        ? plainProblem(chunk, dataSize)
        : batchProblem(meta, index, chunk, dataSize)) ??
      flagProblem(chunk, entry);
    if (problem !== undefined) {
      throw new RafsCorruptError(WHERE, `blob ${entry.blobId}, chunk ${index}: ${problem}`);
    }
    end = chunk.uncompressedOffset + chunk.uncompressedSize;
  }
}

function checkContexts(meta: BlobMeta, entry: BlobTableEntry): void {
  if (!hasBlobFeature(entry.features, 'batch')) return;
  const { contextOffset, contextSize, contextCount, entries } = meta.header;
  const isSound =
    contextSize === contextCount * BATCH_CONTEXT_SIZE &&
    contextCount <= entries &&
    contextOffset + contextSize <= meta.array.length;
  if (!isSound) throw new RafsCorruptError(WHERE, `blob ${entry.blobId}: bad batch contexts`);
}

function uncompressedProblem(
  chunk: ChunkInfo,
  end: number,
  entry: BlobTableEntry,
): string | undefined {
  if (chunk.uncompressedOffset < end) return 'it overlaps the chunk before';
  if (chunk.uncompressedOffset + chunk.uncompressedSize > entry.uncompressedSize) {
    return 'it ends outside the device';
  }
  if (chunk.uncompressedSize > entry.chunkSize) return 'it is larger than the chunk size';
  return undefined;
}

function plainProblem(chunk: ChunkInfo, dataSize: number): string | undefined {
  if (chunk.compressedSize < 1) return 'it has no bytes';
  if (chunk.compressedOffset + chunk.compressedSize > dataSize) return 'it ends outside the blob';
  const isRaw = (chunk.flags & (ChunkInfoFlag.compressed | ChunkInfoFlag.encrypted)) === 0;
  if (isRaw && chunk.compressedSize !== chunk.uncompressedSize) return 'its sizes disagree';
  return undefined;
}

function batchProblem(
  meta: BlobMeta,
  index: number,
  chunk: ChunkInfo,
  dataSize: number,
): string | undefined {
  if (chunk.dataHigh >= meta.header.contextCount) return 'it is in no batch';
  const unit = meta.unit(index);
  if (unit.uncompressedSize > CHUNK_SIZE_MAX) return 'its batch is larger than 16 MiB';
  if (unit.offsetInUnit + chunk.uncompressedSize > unit.uncompressedSize) {
    return 'it ends outside its batch';
  }
  if (unit.compressedSize < 1) return 'its batch has no bytes';
  if (unit.compressedOffset + unit.compressedSize > dataSize)
    return 'its batch ends outside the blob';
  return undefined;
}

function flagProblem(chunk: ChunkInfo, entry: BlobTableEntry): string | undefined {
  const { flags } = chunk;
  if ((flags & ChunkInfoFlag.zran) !== 0) return 'it is flagged as part of a gzip stream';
  const isBatch = (flags & ChunkInfoFlag.batch) !== 0;
  if (isBatch && !hasBlobFeature(entry.features, 'batch')) return 'the blob has no batches';
  const isEncrypted = (flags & ChunkInfoFlag.encrypted) !== 0;
  if (isEncrypted && entry.cipher === undefined) return 'the blob has no cipher';
  if (!isBatch && (flags & ChunkInfoFlag.hasCrc32c) !== 0 && chunk.dataLow === 0) {
    return 'its checksum is missing';
  }
  return undefined;
}
