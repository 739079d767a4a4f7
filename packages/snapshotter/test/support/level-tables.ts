/** Tables of LevelDB: real ones, and some that are made by hand. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChunkCrc } from '@shoal/blob-store';
import { Level } from 'level';
import {
  BLOCK_TRAILER_SIZE,
  type BlockHandle,
  encodeBlock,
  encodeHandle,
} from '../../src/snapshots/level-block.ts';
import type { TableRecord } from '../../src/snapshots/level-records.ts';
import { BLOCK_TRAILER_FIELD, FOOTER_SIZE, maskedCrc } from '../../src/snapshots/level-table.ts';
import { encodeFooter, joinBlocks } from '../../src/snapshots/level-table-writer.ts';

export const tableFiles = (directory: string): string[] =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.ldb'))
    .toSorted()
    .map((name) => join(directory, name));

/** Writes the records into a database that is new, and gives its one table. */
export async function writeTable(
  directory: string,
  records: ReadonlyMap<string, string>,
  compression = false,
): Promise<{ file: string; bytes: Buffer }> {
  const db = new Level(directory, { compression });
  await db.batch([...records].map(([key, value]) => ({ type: 'put', key, value })));
  await db.close();
  await db.open();
  await db.close();
  const [file = ''] = tableFiles(directory);
  return { file, bytes: readFileSync(file) };
}

/** So many records of 1 KiB: four make a block. */
export function manyRecords(count: number): ReadonlyMap<string, string> {
  const names = Array.from({ length: count }, (_, index) => `k-${String(index).padStart(6, '0')}`);
  return new Map(names.map((name) => [name, name.repeat(128)]));
}

/** A block that names others. */
export function encodeIndex(handles: readonly BlockHandle[]): Buffer {
  return encodeBlock(
    handles.map((handle, index) => ({ key: Buffer.of(index), value: encodeHandle(handle) })),
  );
}

/** Blocks one after the other, the last two of which are the metaindex and the index. */
export function tableOf(blocks: readonly Buffer[], crcOf: ChunkCrc): Buffer {
  const { bytes, handles } = joinBlocks(blocks, 0, crcOf);
  return Buffer.concat([bytes, encodeFooter(handles.slice(-2))]);
}

/** A record as it stands in a table. */
export function tableRecord(
  name: string,
  writes: number,
  value: string,
  isSure = true,
): TableRecord {
  const tag = Buffer.alloc(8);
  tag.writeBigUInt64LE((BigInt(writes) << 8n) | 1n);
  return { key: Buffer.concat([Buffer.from(name), tag]), value: Buffer.from(value), isSure };
}

/** A small table with two blocks of one record each and no filter. */
export function smallTable(crcOf: ChunkCrc): Buffer {
  const data = [tableRecord('a', 1, 'first'), tableRecord('b', 2, 'other')].map((record) =>
    encodeBlock([record]),
  );
  const { handles } = joinBlocks(data, 0, crcOf);
  return tableOf([...data, encodeIndex([]), encodeIndex(handles)], crcOf);
}

/** All blocks of a right table, by their checksums: each begins where the one before has ended. */
export function blocksOf(table: Buffer, crcOf: ChunkCrc): readonly BlockHandle[] {
  const blocks: BlockHandle[] = [];
  let offset = 0;
  for (let end = 0; end + BLOCK_TRAILER_SIZE <= table.length - FOOTER_SIZE; end++) {
    const stored = table.readUInt32LE(end + BLOCK_TRAILER_FIELD.crc);
    if (stored !== maskedCrc(crcOf(table.subarray(offset, end + 1)))) continue;
    blocks.push({ offset, size: end - offset });
    offset = end + BLOCK_TRAILER_SIZE;
    end = offset - 1;
  }
  return blocks;
}
