/**
 * What LevelDB's repair is spared. It reads tables without looking at their checksums: one whose
 * index is garbage may seem whole and empty, and garbage in a block may seem records out of order.
 * Both end the process, by an assertion.
 */
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChunkCrc, openChunkCrc } from '@shoal/blob-store';
import type { BlockHandle } from './level-block.ts';
import { compressionAt, examineTable, type TableState } from './level-table.ts';
import { TABLE_BYTES_MAX } from './limits.ts';

const TABLE_NAME = /^\d+\.(ldb|sst)$/;
/** A compression that there is not: LevelDB says so, and goes on with the next block. */
const UNREADABLE = Buffer.of(0xff);

/**
 * Removes the tables of which nothing can be read, makes wrong blocks of others unreadable, and says
 * so. The caller has a copy of the directory, and nobody has it open.
 */
export async function mendTables(directory: string): Promise<readonly string[]> {
  const crcOf = await openChunkCrc();
  const problems: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile() || !TABLE_NAME.test(entry.name)) continue;
    const path = join(directory, entry.name);
    const state = await examineFile(path, crcOf);
    if (state.kind === 'lost') {
      problems.push(`the table ${entry.name} is lost: ${state.detail}`);
      await rm(path);
    } else if (state.wrong.length > 0) {
      problems.push(`${state.wrong.length} blocks of the table ${entry.name} are wrong`);
      await spoil(path, state.wrong);
    }
  }
  return problems.toSorted();
}

async function examineFile(path: string, crcOf: ChunkCrc): Promise<TableState> {
  const { size } = await stat(path);
  if (size > TABLE_BYTES_MAX) return { kind: 'lost', detail: `it has ${size} bytes` };
  return examineTable(await readFile(path), crcOf);
}

async function spoil(path: string, blocks: readonly BlockHandle[]): Promise<void> {
  await using file = await open(path, 'r+');
  for (const block of blocks) await file.write(UNREADABLE, 0, 1, compressionAt(block));
  await file.sync();
}
