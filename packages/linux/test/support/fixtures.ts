/** What the tests of this package share: directories that are unmounted and removed, pattern bytes. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listMounts } from '../../src/mount-table.ts';
import { UmountFlag, umount2 } from '../../src/syscalls.ts';

/** Test options: skipped with a reason unless root; with SHOAL_TEST_STRICT=1 it fails instead. */
export const rootOnly = {
  skip:
    process.getuid?.() !== 0 && process.env['SHOAL_TEST_STRICT'] !== '1'
      ? 'needs root: it mounts file systems'
      : false,
};

type Teardown = { teardown(handler: () => void): void };

/** A directory of its own on a disk file system; what is mounted in it is unmounted at the end. */
export function workDirectory(t: Teardown): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'shoal-linux-')));
  t.teardown(() => cleanDirectory(directory));
  return directory;
}

export function cleanDirectory(directory: string): void {
  const mounted = listMounts().filter((entry) => entry.mountpoint.startsWith(`${directory}/`));
  for (const entry of mounted.reverse()) umount2(entry.mountpoint, UmountFlag.detach);
  rmSync(directory, { recursive: true, force: true });
}

/**
 * The bytes of file `seed` from `offset`: every 8 bytes name the file and their own place, so that
 * a misplaced byte shows, and none of them is zero.
 */
export function patternBytes(seed: number, offset: number, length: number): Buffer {
  const first = Math.floor(offset / 8);
  const words = Math.ceil((offset + length) / 8) - first;
  const bytes = Buffer.alloc(words * 8);
  for (let index = 0; index < words; index += 1) {
    bytes.writeUInt32LE((0x8000_0000 | (first + index)) >>> 0, index * 8);
    bytes.writeUInt32LE((0x4000_0001 + seed * 2) >>> 0, index * 8 + 4);
  }
  return bytes.subarray(offset - first * 8, offset - first * 8 + length);
}
