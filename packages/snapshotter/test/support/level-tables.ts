/** Tables of LevelDB: real ones, and some that are made by hand. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChunkCrc } from '@shoal/blob-store';
import { Level } from 'level';
import { BLOCK_TRAILER_SIZE, type BlockHandle } from '../../src/snapshots/level-block.ts';
import {
  BLOCK_TRAILER_FIELD,
  FOOTER_FIELD,
  FOOTER_SIZE,
  maskedCrc,
  TABLE_MAGIC,
} from '../../src/snapshots/level-table.ts';

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

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(Math.floor(value / 0x80))];
}

/** A block that names others. */
export function encodeIndex(handles: readonly BlockHandle[]): Buffer {
  const entries = handles.flatMap(({ offset, size }, index) => {
    const value = [...varint(offset), ...varint(size)];
    return [...varint(0), ...varint(1), ...varint(value.length), index, ...value];
  });
  return Buffer.from([...entries, 0, 0, 0, 0, 1, 0, 0, 0]);
}

/** Blocks one after the other, the last two of which are the metaindex and the index. */
export function encodeTable(blocks: readonly Buffer[], crcOf: ChunkCrc): Buffer {
  const parts: Buffer[] = [];
  const handles: BlockHandle[] = [];
  let offset = 0;
  for (const block of blocks) {
    const trailer = Buffer.alloc(BLOCK_TRAILER_SIZE);
    trailer.writeUInt32LE(maskedCrc(crcOf(Buffer.concat([block, Buffer.alloc(1)]))), 1);
    parts.push(block, trailer);
    handles.push({ offset, size: block.length });
    offset += block.length + trailer.length;
  }
  const footer = Buffer.alloc(FOOTER_SIZE);
  const last = handles.slice(-2).flatMap((handle) => [handle.offset, handle.size]);
  footer.set(last.flatMap(varint), FOOTER_FIELD.handles);
  footer.writeBigUInt64LE(TABLE_MAGIC, FOOTER_FIELD.magic);
  return Buffer.concat([...parts, footer]);
}

/** A small table with two blocks of data and no filter. */
export function smallTable(crcOf: ChunkCrc): Buffer {
  const data = Buffer.from('some record, some other record', 'latin1');
  const size = data.length;
  const index = encodeIndex([
    { offset: 0, size },
    { offset: size + BLOCK_TRAILER_SIZE, size },
  ]);
  return encodeTable([data, data, encodeIndex([]), index], crcOf);
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
