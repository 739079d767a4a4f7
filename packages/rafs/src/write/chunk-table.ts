/**
 * The chunk table of a new bootstrap: one record for each chunk some file needs, sorted by digest,
 * then blob, as nydus-image sorts it.
 */
import type { BlobTableEntry } from '../blob-table-entry.ts';
import { CHUNK_RECORD_SIZE, ChunkFlag, encodeChunkRecord } from '../chunk-record.ts';
import { RafsInputError } from '../errors.ts';
import { InodeKind } from '../inode-kind.ts';
import { BLOCK_SIZE } from '../layout.ts';
import type { BuildInode, ChunkSource } from './bootstrap-input.ts';
import { chunksOf } from './check-inode.ts';

const UNUSED = -1;
const PREFIX_BYTES = 6;

export type ChunkTablePlan = {
  /** Numbers of the chunks in table order. */
  readonly order: Uint32Array;
  /** By chunk number: an offset in the first file that holds it; -1 for chunks nobody needs. */
  readonly fileOffsets: Float64Array;
};

/** Which chunks the files need, in table order. */
export function planChunkTable(
  inodes: readonly BuildInode[],
  chunks: ChunkSource,
  chunkSize: number,
): ChunkTablePlan {
  const fileOffsets = new Float64Array(chunks.count).fill(UNUSED);
  let count = 0;
  for (const inode of inodes) {
    if (inode.kind !== InodeKind.regular) continue;
    let fileOffset = 0;
    for (const number of chunksOf(inode)) {
      const known = fileOffsets[number];
      if (known === undefined)
        throw new RafsInputError(`a file needs chunk ${number}: no such chunk`);
      if (known === UNUSED) {
        fileOffsets[number] = fileOffset;
        count++;
      }
      fileOffset += chunkSize;
    }
  }
  const needed = new Uint32Array(count);
  let at = 0;
  for (let number = 0; number < chunks.count; number++) {
    if (fileOffsets[number] !== UNUSED) needed[at++] = number;
  }
  return { order: sortedByDigest(needed, chunks), fileOffsets };
}

/** Writes all records from `offset` on. */
export function encodeChunkTable(
  plan: ChunkTablePlan,
  chunks: ChunkSource,
  blobs: readonly BlobTableEntry[],
  bytes: Buffer,
  offset: number,
): void {
  let at = offset;
  for (const number of plan.order) {
    const place = chunks.place(number);
    const blobIndex = chunks.blobOf(number);
    const chunkIndex = chunks.indexOf(number);
    checkPlace(blobs[blobIndex], chunkIndex, place.offset, place.size);
    const compressed = place.storedSize === place.size ? 0 : ChunkFlag.compressed;
    const record = {
      digest: chunks.digest(number),
      blobIndex,
      flags: chunks.flagsOf?.(number) ?? compressed,
      compressedSize: place.storedSize,
      uncompressedSize: place.size,
      compressedOffset: place.storedOffset,
      uncompressedOffset: place.offset,
      fileOffset: plan.fileOffsets[number] ?? 0,
      chunkIndex,
      crc32c: chunks.crc32cOf?.(number) ?? 0,
    };
    encodeChunkRecord(record, bytes, at);
    at += CHUNK_RECORD_SIZE;
  }
}

function checkPlace(
  blob: BlobTableEntry | undefined,
  chunkIndex: number,
  offset: number,
  size: number,
): void {
  const fits =
    blob !== undefined &&
    chunkIndex < blob.chunkCount &&
    offset % BLOCK_SIZE === 0 &&
    offset + size <= blob.uncompressedSize;
  if (!fits) throw new RafsInputError(`chunk ${chunkIndex} lies outside its blob`);
}

/** Sorts by the first 48 bits as numbers, and only on a tie by everything. */
function sortedByDigest(numbers: Uint32Array, chunks: ChunkSource): Uint32Array {
  const prefixes = new Float64Array(chunks.count);
  for (const number of numbers) {
    prefixes[number] = chunks.digest(number).readUIntBE(0, PREFIX_BYTES);
  }
  return numbers.sort((a, b) => {
    const byPrefix = (prefixes[a] ?? 0) - (prefixes[b] ?? 0);
    if (byPrefix !== 0) return byPrefix;
    return (
      chunks.digest(a).compare(chunks.digest(b)) ||
      chunks.blobOf(a) - chunks.blobOf(b) ||
      chunks.indexOf(a) - chunks.indexOf(b)
    );
  });
}
