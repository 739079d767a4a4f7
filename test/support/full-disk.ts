/** A small file system on a file, to be filled to its last byte. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { runChecked, runCommand, type TestScope } from '@shoal/test-kit';

/** Where a test may write until not a byte more goes in. */
export type SmallDisk = {
  readonly mountpoint: string;
  /** Throws the first error but ENOSPC. */
  fill(): void;
  /** The file that `fill` writes: without it there is room again. */
  readonly ballast: string;
};

/** ext4 of `size` (as truncate(1) has it) in the file `image`; away when the test ends. */
export async function mountSmallDisk(
  t: TestScope,
  image: string,
  mountpoint: string,
  size: string,
): Promise<SmallDisk> {
  mkdirSync(mountpoint, { recursive: true, mode: 0o700 });
  await runChecked('truncate', ['-s', size, image]);
  await runChecked('mkfs.ext4', ['-q', '-O', '^has_journal', '-m', '0', image]);
  await runChecked('mount', ['-o', 'loop', image, mountpoint]);
  t.teardown(() => runCommand('umount', ['-l', mountpoint]));
  const ballast = join(mountpoint, 'ballast');
  return { mountpoint, ballast, fill: () => fillWith(ballast) };
}

function fillWith(path: string): void {
  const fd = openSync(path, 'w');
  try {
    for (const length of [1 << 20, 1 << 12, 1]) writeUntilFull(fd, Buffer.alloc(length, 1));
  } finally {
    closeSync(fd);
  }
}

function writeUntilFull(fd: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(fd, bytes);
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error;
  }
}
