/** Which chunks hold the bytes of a file. */
import type { BlobDescription } from '@shoal/blob-store';
import type { Bootstrap, RafsInode } from '@shoal/rafs';
import { FileLayoutError } from '../errors.ts';

export type FileRange = { readonly offset: number; readonly length: number };

/** One chunk of an image: number of its blob, number in the blob. */
export type ChunkRef = {
  readonly blobIndex: number;
  readonly chunkIndex: number;
  /** Uncompressed bytes. */
  readonly size: number;
};

/** The part of a file that exists: a range beyond its end is cut, possibly to nothing. */
export function clampRange(size: number, offset = 0, length = size): FileRange {
  const start = Math.min(offset, size);
  return { offset: start, length: Math.min(length, size - start) };
}

/**
 * The chunks that hold the range, in file order. Throws `ERR_CONVERTER_FILE_LAYOUT` when the
 * chunks do not have the sizes their places in the file demand.
 */
export function* chunksOfFile(
  bootstrap: Bootstrap,
  inode: RafsInode,
  blobs: readonly BlobDescription[],
  range: FileRange = { offset: 0, length: inode.size },
): Generator<ChunkRef, void> {
  if (range.length === 0) return;
  const { chunkSize } = bootstrap;
  const first = Math.floor(range.offset / chunkSize);
  const last = Math.floor((range.offset + range.length - 1) / chunkSize);
  for (let index = first; index <= last; index++) {
    const { blobIndex, chunkIndex } = bootstrap.chunkEntry(inode, index);
    const size = Math.min(chunkSize, inode.size - index * chunkSize);
    const found = blobs[blobIndex]?.chunks.size[chunkIndex];
    if (found !== size) {
      const detail = `chunk ${index} has ${found ?? 'no'} bytes, not ${size}`;
      throw new FileLayoutError(`#${inode.nid}`, detail);
    }
    yield { blobIndex, chunkIndex, size };
  }
}
