/**
 * From ranges of the device file to chunks, and from chunks to the units they are stored in.
 */
import { BLOCK_SIZE } from '@shoal/rafs';
import type { ChunkColumns } from './blob-description.ts';
import { CHUNK_FLAG } from './blob-description.ts';

/** A run of chunk numbers, `end` excluded. */
export type ChunkRun = { readonly first: number; readonly end: number };

/** The chunks that have a byte in the range. Offsets ascend: describeBlob saw to it. */
export function chunksOfRange(chunks: ChunkColumns, offset: number, length: number): ChunkRun {
  // Chunks own their blocks whole: the padding behind a chunk is read with it.
  let first = lastStartingAtOrBefore(chunks, offset);
  if (first === -1 || blockEnd(chunks, first) <= offset) first++;
  const end = lastStartingAtOrBefore(chunks, offset + length - 1) + 1;
  return { first, end: Math.max(first, end) };
}

/** The chunks of the unit that holds a chunk: itself, or the batch around it. */
export function chunksOfUnit(chunks: ChunkColumns, index: number): ChunkRun {
  if (!isBatch(chunks, index)) return { first: index, end: index + 1 };
  const unit = chunks.storedOffset[index];
  const isSame = (at: number) => isBatch(chunks, at) && chunks.storedOffset[at] === unit;
  let first = index;
  let end = index + 1;
  while (first > 0 && isSame(first - 1)) first--;
  while (end < chunks.count && isSame(end)) end++;
  return { first, end };
}

/** The bytes of the blocks that so many bytes take. */
export function alignToBlock(bytes: number): number {
  return Math.ceil(bytes / BLOCK_SIZE) * BLOCK_SIZE;
}

export function blockEnd(chunks: ChunkColumns, index: number): number {
  return (chunks.offset[index] ?? 0) + alignToBlock(chunks.size[index] ?? 0);
}

function isBatch(chunks: ChunkColumns, index: number): boolean {
  return ((chunks.flags[index] ?? 0) & CHUNK_FLAG.batch) !== 0;
}

function lastStartingAtOrBefore(chunks: ChunkColumns, offset: number): number {
  let low = 0;
  let high = chunks.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chunks.offset[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
