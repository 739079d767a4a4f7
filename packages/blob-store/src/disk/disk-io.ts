/** How bytes get to the disk; a parameter of what keeps bytes there, so that a full or broken disk can be tried out. */
import type { FileHandle } from 'node:fs/promises';
import { preadCachedRaw, punchHole } from '@shoal/linux/syscalls';

export type DiskIo = {
  readonly write: (file: FileHandle, bytes: Uint8Array, position: number) => Promise<void>;
  readonly sync: (file: FileHandle) => Promise<void>;
};

export const REAL_DISK_IO: DiskIo = {
  async write(file, bytes, position) {
    let done = 0;
    while (done < bytes.length) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
      done += bytesWritten;
    }
  },
  sync: (file) => file.datasync(),
};

/**
 * Whole blocks of these bytes take no room any more, and all of them read as zeros. At once, so that
 * nobody writes them meanwhile. Throws what the file system says: not all of them can do it.
 */
export function punchFile({ fd }: FileHandle, position: number, length: number): void {
  punchHole(fd, position, length);
}

/**
 * Reads what lies in memory already, at once, so that a thread has nothing to wait for: its number of bytes,
 * 0 where the first one would have to come from the disk. For few bytes: they are copied meanwhile.
 */
export function readCached({ fd }: FileHandle, into: Uint8Array, position: number): number {
  return Math.max(0, preadCachedRaw(fd, into, position));
}

/** Of `st_blocks` (stat(2)), whatever the file system's own blocks are. */
export const STAT_BLOCK_BYTES = 512;
