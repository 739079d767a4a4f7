/**
 * The reading programs of the mount scenario, the same code for every contestant: walk, small
 * files, large files in order, 4 KiB at random places. All synchronous, so that nothing but the
 * file system is waited for. Each returns the milliseconds it took.
 */
import { closeSync, lstatSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked } from '@shoal/test-kit';

/** Regular files of a tree by relative path. */
export type TreeFile = { readonly path: string; readonly size: number };

const SMALL_FILE_BYTES_MAX = 16 * 1024;
const LARGE_READ_BYTES = 1 << 20;
const RANDOM_READ_BYTES = 4096;

/** Regular files with content, sorted by path. */
export function listFiles(root: string): TreeFile[] {
  const files: TreeFile[] = [];
  const visit = (relative: string): void => {
    for (const entry of readdirSync(join(root, relative), { withFileTypes: true })) {
      const path = join(relative, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) files.push({ path, size: lstatSync(join(root, path)).size });
    }
  };
  visit('');
  return files.filter(({ size }) => size > 0).sort((a, b) => (a.path < b.path ? -1 : 1));
}

function timed(work: () => void): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}

/** Every directory listed, every object's attributes read. */
export function walkMs(root: string): number {
  const visit = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      lstatSync(path);
      if (entry.isDirectory()) visit(path);
    }
  };
  return timed(() => visit(root));
}

function readWhole(path: string, buffer: Buffer): void {
  const fd = openSync(path, 'r');
  while (readSync(fd, buffer, 0, buffer.length, null) > 0);
  closeSync(fd);
}

/** Up to `count` files of at most 16 KiB, whole. */
export function smallFilesMs(root: string, files: readonly TreeFile[], count: number): number {
  const buffer = Buffer.alloc(SMALL_FILE_BYTES_MAX);
  const small = files.filter(({ size }) => size <= SMALL_FILE_BYTES_MAX).slice(0, count);
  return timed(() => {
    for (const { path } of small) readWhole(join(root, path), buffer);
  });
}

export function largestFiles(files: readonly TreeFile[], count: number): TreeFile[] {
  return files.toSorted((a, b) => b.size - a.size).slice(0, count);
}

/** The given files from beginning to end, 1 MiB at a time. */
export function sequentialMs(root: string, files: readonly TreeFile[]): number {
  const buffer = Buffer.alloc(LARGE_READ_BYTES);
  return timed(() => {
    for (const { path } of files) readWhole(join(root, path), buffer);
  });
}

/** `count` reads of 4 KiB at places a fixed generator picks. */
export function randomMs(root: string, file: TreeFile, count: number): number {
  const buffer = Buffer.alloc(RANDOM_READ_BYTES);
  const fd = openSync(join(root, file.path), 'r');
  const pages = Math.max(1, Math.floor(file.size / RANDOM_READ_BYTES));
  let state = 12345;
  const took = timed(() => {
    for (let read = 0; read < count; read++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      readSync(fd, buffer, 0, buffer.length, (state % pages) * RANDOM_READ_BYTES);
    }
  });
  closeSync(fd);
  return took;
}

/** Empties page cache, dentries and inodes of the whole machine. */
export async function dropCaches(): Promise<void> {
  await runChecked('sync', []);
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}
