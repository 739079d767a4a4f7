/**
 * What a directory takes on disk: blocks and inodes, each file once however many names it has, the
 * directory itself included. Semantics: `fs.DiskUsage` of containerd's continuity.
 */
import type { BigIntStats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { runTool } from './child-tool.ts';
import { SnapshotDirectoryError } from './errors.ts';
import type { Usage } from './snapshot-record.ts';

/** A larger tree is counted by `du`: one process costs as much as some hundred files do here. */
const ENTRIES_HERE_MAX = 1000;
/** A name below still fits into a path of 4096 bytes, whatever its characters are. */
const PATH_CHARS_HERE_MAX = 1000;
/** Of st_blocks, whatever the file system's own blocks are. */
const BLOCK_BYTES = 512n;

type Count = { size: bigint; inodes: number; left: number; readonly linked: Set<string> };

/**
 * Files that go away while it counts are not counted.
 *
 * @throws SnapshotDirectoryError when the directory is not there
 */
export async function diskUsage(
  directory: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Usage> {
  const count: Count = { size: 0n, inodes: 0, left: ENTRIES_HERE_MAX, linked: new Set() };
  const top = await statOf(directory);
  if (top === undefined) throw new SnapshotDirectoryError(directory, 'it is missing');
  add(count, top);
  if (await countBelow(directory, count)) return { size: Number(count.size), inodes: count.inodes };
  const [size, inodes] = await Promise.all([
    total(['--block-size=1'], directory, options),
    total(['--inodes'], directory, options),
  ]);
  return { size, inodes };
}

/** False when the tree is too large, too deep for path names, or has names that are not UTF-8. */
async function countBelow(directory: string, count: Count): Promise<boolean> {
  const names = await namesOf(directory);
  count.left -= names.length;
  if (count.left < 0 || directory.length > PATH_CHARS_HERE_MAX) return false;
  for (const name of names) {
    if (name.includes('\uFFFD')) return false;
    const path = `${directory}/${name}`;
    const facts = await statOf(path);
    if (facts === undefined) continue;
    add(count, facts);
    if (facts.isDirectory() && !(await countBelow(path, count))) return false;
  }
  return true;
}

function add(count: Count, facts: BigIntStats): void {
  if (facts.nlink > 1n && !facts.isDirectory()) {
    const file = `${facts.dev}:${facts.ino}`;
    if (count.linked.has(file)) return;
    count.linked.add(file);
  }
  count.size += facts.blocks * BLOCK_BYTES;
  count.inodes += 1;
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new SnapshotDirectoryError(path, errorCode(error) ?? String(error), { cause: error });
  }
}

async function namesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw new SnapshotDirectoryError(directory, errorCode(error) ?? String(error), {
      cause: error,
    });
  }
}

/** `du` ends with 1 when a file went away under it, and has counted the others. */
async function total(
  flags: readonly string[],
  directory: string,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<number> {
  const { output } = await runTool('du', ['-s', '-x', ...flags, '--', directory], options);
  const [, digits] = /^(\d+)\t/.exec(output) ?? [];
  if (digits === undefined) throw new SnapshotDirectoryError(directory, "'du' gave no total");
  return Number(digits);
}
