/** How bytes get to the disk; a parameter of what keeps bytes there, so that a full or broken disk can be tried out. */
import type { FileHandle } from 'node:fs/promises';

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

/** Of `st_blocks` (stat(2)), whatever the file system's own blocks are. */
export const STAT_BLOCK_BYTES = 512;
