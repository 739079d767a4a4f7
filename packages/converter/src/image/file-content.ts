/** The bytes of one file of a converted image, as ranged reads in order. */
import type { BlobDescription } from '@shoal/blob-store';
import type { Bootstrap, RafsInode } from '@shoal/rafs';
import { FileLayoutError } from './errors.ts';
import type { ReadWindow, WindowChunk } from './read-window.ts';
import { WindowBuilder } from './read-window.ts';

export type FileRange = { readonly offset: number; readonly length: number };

/** The part of a file that exists: a range beyond its end is cut, possibly to nothing. */
export function clampRange(size: number, offset = 0, length = size): FileRange {
  const start = Math.min(offset, size);
  return { offset: start, length: Math.min(length, size - start) };
}

/**
 * Ranged reads that hold the range, in file order. Throws `ERR_CONVERTER_FILE_LAYOUT` when the
 * chunks do not have the sizes their places in the file demand.
 */
export function* windowsOfFile(
  bootstrap: Bootstrap,
  inode: RafsInode,
  blobs: readonly BlobDescription[],
  range: FileRange,
): Generator<ReadWindow, void> {
  if (range.length === 0) return;
  const { chunkSize } = bootstrap;
  const entries = bootstrap.chunkEntries(inode);
  const first = Math.floor(range.offset / chunkSize);
  const last = Math.floor((range.offset + range.length - 1) / chunkSize);
  let builder: WindowBuilder | undefined;
  for (let index = first; index <= last; index++) {
    const entry = entries[index];
    const blob = entry === undefined ? undefined : blobs[entry.blobIndex];
    if (entry === undefined || blob === undefined) {
      throw new FileLayoutError(`#${inode.nid}`, `chunk ${index} is missing`);
    }
    const expected = Math.min(chunkSize, inode.size - index * chunkSize);
    const size = blob.chunks.size[entry.chunkIndex];
    if (size !== expected) {
      throw new FileLayoutError(
        `#${inode.nid}`,
        `chunk ${index} has ${size} bytes, not ${expected}`,
      );
    }
    if (builder?.blobIndex === entry.blobIndex && builder.add(entry.chunkIndex) === true) continue;
    if (builder !== undefined) yield builder.build();
    builder = new WindowBuilder(entry.blobIndex, blob, 0);
    builder.add(entry.chunkIndex);
  }
  if (builder !== undefined) yield builder.build();
}

/** The part of a chunk at file offset `at` that lies in the range, as a view of the raw bytes. */
export function cutToRange(raw: Buffer, chunk: WindowChunk, at: number, range: FileRange): Buffer {
  const start = Math.max(range.offset - at, 0);
  const end = Math.min(range.offset + range.length - at, chunk.size);
  return raw.subarray(chunk.rawOffset + start, chunk.rawOffset + end);
}
