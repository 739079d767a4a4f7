/** The chunk side of verification: records of the table, and what files refer to. */

import { blobDataSize } from '../blob/blob-data-size.ts';
import { hasBlobFeature } from '../blob-features.ts';
import type { BlobTableEntry } from '../blob-table-entry.ts';
import type { Bootstrap } from '../bootstrap.ts';
import type { ChunkEntry } from '../chunk-entry.ts';
import { decodeChunkFormat } from '../chunk-entry.ts';
import type { ChunkRecord } from '../chunk-record.ts';
import { ChunkFlag } from '../chunk-record.ts';
import { RafsCorruptError } from '../errors.ts';
import type { RafsInode } from '../inode.ts';
import { BLOCK_SIZE } from '../layout.ts';
import { CHUNK_SIZE_MAX } from '../limits.ts';

/** Throws ERR_RAFS_CORRUPT for the first record that points outside its blob. */
export function verifyChunkRecords(bootstrap: Bootstrap): void {
  const dataSizes = bootstrap.blobs.map(blobDataSize);
  for (const record of bootstrap.chunkRecords()) {
    const blob = bootstrap.blobs[record.blobIndex];
    const where = `chunk ${record.chunkIndex} of blob ${record.blobIndex}`;
    if (blob === undefined) throw new RafsCorruptError('chunk record', `${where}: no such blob`);
    if (!isInsideBlob(record, blob, dataSizes[record.blobIndex] ?? 0)) {
      throw new RafsCorruptError('chunk record', `${where} lies outside its blob`);
    }
  }
}

function isInsideBlob(record: ChunkRecord, blob: BlobTableEntry, dataSize: number): boolean {
  // Nydus's builder sets no flag in the record of a batch member: its place is only in the chunk-info.
  const isBatch = (record.flags & ChunkFlag.batch) !== 0 || hasBlobFeature(blob.features, 'batch');
  // In OCI-ref images offsets count in the archive's own stream, which the decoder of such blobs knows.
  const isForeign = hasBlobFeature(blob.features, 'zran');
  return (
    record.chunkIndex < blob.chunkCount &&
    record.uncompressedSize >= 1 &&
    record.uncompressedSize <= CHUNK_SIZE_MAX &&
    record.uncompressedOffset % BLOCK_SIZE === 0 &&
    record.uncompressedOffset + record.uncompressedSize <= blob.uncompressedSize &&
    (isForeign || record.compressedOffset + record.compressedSize <= dataSize) &&
    (isBatch || isForeign || record.compressedSize >= 1)
  );
}

export type FileChunks = { readonly chunks: number; readonly withoutRecord: number };

/** Checks every chunk entry of a regular file against blobs and records. */
export function verifyFileChunks(bootstrap: Bootstrap, inode: RafsInode): FileChunks {
  const count = bootstrap.chunkCount(inode);
  const kernelChunkSize = decodeChunkFormat(inode.union);
  let withoutRecord = 0;
  let rest = inode.size;
  let first: ChunkEntry | undefined;
  for (let number = 0; number < count; number++) {
    const entry = bootstrap.chunkEntry(inode, number);
    first ??= entry;
    const size = Math.min(rest, bootstrap.chunkSize);
    if (!verifyEntry(bootstrap, inode, entry, size)) withoutRecord++;
    verifyKernelView(bootstrap, inode, kernelChunkSize, first, entry, number);
    rest -= size;
  }
  return { chunks: count, withoutRecord };
}

/** True when the chunk has a record, which then agrees with the entry. */
function verifyEntry(
  bootstrap: Bootstrap,
  inode: RafsInode,
  entry: ChunkEntry,
  size: number,
): boolean {
  const blob = bootstrap.blobs[entry.blobIndex];
  const offset = entry.blockAddress * BLOCK_SIZE;
  if (
    blob === undefined ||
    entry.chunkIndex >= blob.chunkCount ||
    offset + size > blob.uncompressedSize
  ) {
    throw corrupt(inode, 'one of its chunks lies outside its blob');
  }
  const record = bootstrap.chunkRecord(entry.blobIndex, entry.chunkIndex);
  if (record === undefined) return false;
  if (record.uncompressedOffset === offset && record.uncompressedSize === size) return true;
  throw corrupt(inode, 'one of its chunks contradicts the chunk table');
}

/**
 * The kernel reads entries by the inode's own chunk size. It may be larger than the image's when
 * all chunks follow each other, because then the first entry alone says it all.
 */
function verifyKernelView(
  bootstrap: Bootstrap,
  inode: RafsInode,
  kernelChunkSize: number,
  first: ChunkEntry,
  entry: ChunkEntry,
  number: number,
): void {
  if (kernelChunkSize === bootstrap.chunkSize) return;
  const blocks = (number * bootstrap.chunkSize) / BLOCK_SIZE;
  const isOneRun =
    kernelChunkSize >= inode.size &&
    entry.blobIndex === first.blobIndex &&
    entry.blockAddress === first.blockAddress + blocks;
  if (!isOneRun) throw corrupt(inode, `its chunk size ${kernelChunkSize} does not fit its chunks`);
}

function corrupt(inode: RafsInode, detail: string): RafsCorruptError {
  return new RafsCorruptError(`inode ${inode.nid}`, detail);
}
