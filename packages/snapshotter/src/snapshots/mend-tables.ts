/**
 * What LevelDB's repair is spared. It reads tables without looking at their checksums: one whose
 * index is garbage may seem whole and empty, and garbage in a block may seem records out of order.
 * Both end the process, by an assertion.
 */
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChunkCrc, openChunkCrc } from '@shoal/blob-store';
import { writeDurably } from '../state/durable-file.ts';
import { type TableRecord, userKey } from './level-records.ts';
import { examineTable, type TableState } from './level-table.ts';
import { encodeTable } from './level-table-writer.ts';
import { TABLE_BYTES_MAX } from './limits.ts';
import { REMOVED_PREFIX } from './snapshot-keys.ts';

const TABLE_NAME = /^\d+\.(ldb|sst)$/;

/**
 * Writes tables that are damaged anew, from the records that can be read, removes those of which
 * nothing can, and says so. The caller has a copy of the directory, and nobody has it open.
 */
export async function mendTables(directory: string): Promise<readonly string[]> {
  const crcOf = await openChunkCrc();
  const problems: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const { name } = entry;
    if (!entry.isFile() || !TABLE_NAME.test(name)) continue;
    const path = join(directory, name);
    const state = await examineFile(path, crcOf);
    if (state.kind === 'right') continue;
    problems.push(`the table ${name} is ${state.kind}: ${state.detail}`);
    const records = state.kind === 'damaged' ? state.records.filter(isHarmless) : [];
    if (records.length > 0) await writeDurably(directory, name, encodeTable(records, crcOf));
    else await rm(path);
  }
  return problems.toSorted();
}

/** A record has a checksum of its own. A mark has none, and what a wrong one names would be deleted. */
function isHarmless(record: TableRecord): boolean {
  return record.isSure || !userKey(record).toString('latin1').startsWith(REMOVED_PREFIX);
}

async function examineFile(path: string, crcOf: ChunkCrc): Promise<TableState> {
  const { size } = await stat(path);
  if (size > TABLE_BYTES_MAX) return { kind: 'lost', detail: `it has ${size} bytes` };
  return examineTable(await readFile(path), crcOf);
}
