/** Tables whose damage ended the process that repaired them: each is repaired in a process of its own. */
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openChunkCrc } from '@shoal/blob-store';
import { runCommand, temporaryDirectory } from '@shoal/test-kit';
import { Level } from 'level';
import t from 'tap';
import type { BlockHandle } from '../src/snapshots/level-block.ts';
import { examineTable } from '../src/snapshots/level-table.ts';
import { TABLE_BYTES_MAX } from '../src/snapshots/limits.ts';
import { mendTables } from '../src/snapshots/mend-tables.ts';
import { VERSION_KEY } from '../src/snapshots/snapshot-database.ts';
import {
  blocksOf,
  encodeIndex,
  manyRecords,
  tableFiles,
  tableOf,
  writeTable,
} from './support/level-tables.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];

const crcOf = await openChunkCrc();
const CHILD = fileURLToPath(new URL('./support/repair-child.ts', import.meta.url));
const MANY_CHILD = fileURLToPath(new URL('./support/repair-many-child.ts', import.meta.url));
const WELL = 'well';
const RECORDS = manyRecords(40);
/** Of the blocks of their table: of data, four records in each, then filter, metaindex and index. */
const BLOCKS = 13;

type State = {
  readonly root: string;
  readonly directory: string;
  readonly file: string;
  readonly bytes: Buffer;
  readonly blocks: readonly BlockHandle[];
};

async function stateWithTable(t: Tap): Promise<State> {
  const root = temporaryDirectory(t);
  const directory = join(root, 'snapshotter');
  mkdirSync(directory, { mode: 0o700 });
  const { file, bytes } = await writeTable(directory, RECORDS);
  return { root, directory, file, bytes, blocks: blocksOf(bytes, crcOf) };
}

type Repaired = { readonly ended: string; readonly listed: string[]; readonly found: string[] };

/** What is there after the repair, by listing and by asking for each. */
async function repaired(root: string): Promise<Repaired> {
  const { exitCode, signal, stderr } = await runCommand(process.execPath, [CHILD, root]);
  const ended = exitCode === 0 ? WELL : `${signal}: ${stderr}`;
  if (ended !== WELL) return { ended, listed: [], found: [] };
  const db = new Level(join(root, 'snapshotter'));
  const listed = (await db.keys().all()).filter((key) => key !== VERSION_KEY);
  const values = await db.getMany([...RECORDS.keys()]);
  const found = [...RECORDS].filter(([, value], index) => values[index] === value);
  await db.close();
  return { ended, listed, found: found.map(([key]) => key) };
}

/** What is there when these are left. */
const left = (keys: string[]): Repaired => ({ ended: WELL, listed: keys, found: keys });

t.test('an index without entries', async (t) => {
  const { root, file } = await stateWithTable(t);
  const table = tableOf([encodeIndex([]), encodeIndex([])], crcOf);
  // Not LevelDB's checksum: a table that seems whole and empty.
  table.fill(0, table.length - 52, table.length - 48);
  writeFileSync(file, table);
  t.strictSame(await repaired(root), left([]));
});

t.test('records out of order in one block, and another that cannot be read', async (t) => {
  const { root, file, bytes, blocks } = await stateWithTable(t);
  t.equal(blocks.length, BLOCKS);
  const [, unordered, , unreadable] = blocks;
  if (unordered === undefined || unreadable === undefined) throw new TypeError('too few blocks');
  const first = unordered.offset + 4;
  t.equal(bytes.toString('latin1', first, first + 8), 'k-000004', 'the key of its first record');
  bytes.write('a', first);
  bytes.fill(0xff, unreadable.offset, unreadable.offset + 12);
  writeFileSync(file, bytes);
  const keys = [...RECORDS.keys()];
  const renamed = keys.slice(4, 8);
  const lost = [...renamed, ...keys.slice(12, 16)];
  const found = keys.filter((key) => !lost.includes(key));
  const listed = [...renamed.map((key) => key.replace('k', 'a')), ...found];
  t.strictSame(await repaired(root), { ended: WELL, listed, found }, 'in their order');
});

t.test('marks of what may be deleted are not taken from a block that is wrong', async (t) => {
  const root = temporaryDirectory(t);
  const directory = join(root, 'snapshotter');
  mkdirSync(directory, { mode: 0o700 });
  const records = new Map([
    ['removed/0000000000000007', ''],
    ['snapshot/x', 'text'],
  ]);
  const { file, bytes } = await writeTable(directory, records);
  bytes.write('4', bytes.indexOf('7'));
  writeFileSync(file, bytes);
  const [problem] = await mendTables(directory);
  t.match(problem, /is damaged: 1 of its 1 blocks are wrong$/);
  const left = examineTable(readFileSync(file), crcOf);
  t.strictSame(left, { kind: 'right' });
  t.notOk(readFileSync(file).includes('removed/'));
  t.ok(readFileSync(file).includes('snapshot/x'));
});

t.test('a filter that finds nothing', async (t) => {
  const { root, file, bytes, blocks } = await stateWithTable(t);
  const filter = blocks.at(-3);
  if (filter === undefined) throw new TypeError('too few blocks');
  bytes.fill(0, filter.offset, filter.offset + 20);
  writeFileSync(file, bytes);
  t.strictSame(await repaired(root), left([...RECORDS.keys()]));
});

t.test('damage of any kind', async (t) => {
  const place = temporaryDirectory(t);
  const { stdout, stderr } = await runCommand(process.execPath, [MANY_CHILD, place, '80']);
  t.equal(stdout, '{"done":80,"wrong":0}', stderr);
});

t.test('tables that are right stay as they are, those that are garbage go', async (t) => {
  const { directory, file, bytes } = await stateWithTable(t);
  const garbage = join(directory, '900000.sst');
  const huge = join(directory, '900001.ldb');
  const other = join(directory, 'other.ldb');
  for (const path of [garbage, huge, other]) writeFileSync(path, 'garbage');
  truncateSync(huge, TABLE_BYTES_MAX + 1);
  mkdirSync(join(directory, '900002.ldb'));
  t.same(await mendTables(directory), [
    'the table 900000.sst is lost: its footer is wrong',
    'the table 900001.ldb is lost: it has 268435457 bytes',
  ]);
  t.same(tableFiles(directory), [file, join(directory, '900002.ldb'), other]);
  t.notOk(existsSync(garbage));
  t.ok(readFileSync(file).equals(bytes));
});
