/**
 * Beside a device file: where and how its chunks are *stored*, as the image says that fetched the first of
 * them. A chunk's digest is about its content alone. An image that says something else of where that lies in
 * the stored blob may have the content, but nobody takes its word for what the stored blob has there.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import type { BlobDescription } from '../description/blob-description.ts';
import { isDiskFull } from '../disk/disk-state.ts';

/** A SHA-256. */
const LAYOUT_BYTES = 32;
const NOBODYS = Buffer.alloc(LAYOUT_BYTES);
const OPEN_FLAGS = constants.O_RDWR | constants.O_NOFOLLOW;
const PRIVATE = 0o600;

/** What tells two such sayings apart, as bytes to be hashed. */
export function storedLayoutBytes({ chunks, compressor, storedBytes }: BlobDescription): Buffer {
  const { storedOffset, storedSize, unitSize, unitOffset, flags } = chunks;
  const columns = [storedOffset, storedSize, unitSize, unitOffset, flags];
  return Buffer.concat([
    Buffer.from(`${compressor} ${storedBytes}\n`),
    ...columns.map(({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength),
    ),
  ]);
}

export type StoredLayoutState = {
  /** The device file has no chunk yet. */
  readonly isFresh: boolean;
  /** The image has chunks that lie in the device file just as they are stored. */
  readonly isWanted: boolean;
  readonly sync: (file: FileHandle) => Promise<void>;
};

/**
 * Whether all chunks of the device file were fetched by this layout. Where they were not, nobody's word
 * counts for that file from now on: durably, before this image adds chunks of its own.
 */
export async function isStoredAs(
  path: string,
  layout: Uint8Array,
  { isFresh, isWanted, sync }: StoredLayoutState,
): Promise<boolean> {
  const isBegun = isFresh && isWanted;
  const file = await openFile(path, isBegun);
  if (file === undefined) return false;
  try {
    const known = Buffer.alloc(LAYOUT_BYTES);
    const { bytesRead } = await file.read(known, 0, LAYOUT_BYTES, 0);
    if (isWanted && known.equals(layout)) return true;
    const next = isBegun ? layout : NOBODYS;
    // Where there was nothing, nothing old can come back after a power cut, nor is anything lost.
    if (bytesRead === 0) return isBegun && (await wasWritten(file, next));
    if (known.equals(next)) return false;
    await file.write(next, 0, LAYOUT_BYTES, 0);
    await sync(file);
    return isBegun;
  } finally {
    await file.close();
  }
}

/** A full disk has no room for it: then nothing is lent. */
async function wasWritten(file: FileHandle, layout: Uint8Array): Promise<boolean> {
  try {
    return (await file.write(layout, 0, LAYOUT_BYTES, 0)).bytesWritten === LAYOUT_BYTES;
  } catch (error) {
    if (isDiskFull(error)) return false;
    throw error;
  }
}

/** Undefined where there is none, and none is to be made. */
async function openFile(path: string, isMade: boolean): Promise<FileHandle | undefined> {
  try {
    return await open(path, isMade ? OPEN_FLAGS | constants.O_CREAT : OPEN_FLAGS, PRIVATE);
  } catch (error) {
    if (isMade ? isDiskFull(error) : errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
