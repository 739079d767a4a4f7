/** Tables of LevelDB: whether they are right, and what can be read of them, whatever the bytes are. */
import { openChunkCrc } from '@shoal/blob-store';
import { noiseBytes, temporaryDirectory } from '@shoal/test-kit';
import fc from 'fast-check';
import t from 'tap';
import { type BlockHandle, decodeEntries } from '../src/snapshots/level-block.ts';
import { inOrder, userKey } from '../src/snapshots/level-records.ts';
import {
  compressionAt,
  examineTable,
  FOOTER_SIZE,
  maskedCrc,
} from '../src/snapshots/level-table.ts';
import { encodeTable } from '../src/snapshots/level-table-writer.ts';
import {
  blocksOf,
  encodeIndex,
  manyRecords,
  smallTable,
  tableOf,
  tableRecord,
  writeTable,
} from './support/level-tables.ts';

const crcOf = await openChunkCrc();
const examine = (bytes: Buffer) => examineTable(bytes, crcOf);
const LOST_INDEX = 'its index is wrong';
const LOST_FOOTER = 'its footer is wrong';
const NO_RECORDS = 'none of its records can be read';

function changed(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 0x55;
  return copy;
}

t.test('a checksum is masked as LevelDB does it', async (t) => {
  // CRC-32C of 32 zeros in RFC 3720.
  t.equal(crcOf(Buffer.alloc(32)), 0x8a91_36aa);
  t.equal(maskedCrc(0), 0xa282_ead8);
  t.equal(maskedCrc(0x8a91_36aa), ((0x8a91_36aa >>> 15) + (0x36aa << 17) + 0xa282_ead8) >>> 0);
});

/** The names of the records that are read, or why there are none. */
function read(bytes: Buffer): readonly string[] | string {
  const state = examine(bytes);
  if (state.kind === 'damaged') return state.records.map((record) => userKey(record).toString());
  return state.kind === 'lost' ? state.detail : state.kind;
}

t.test('tables that LevelDB has written are right', async (t) => {
  for (const compression of [false, true]) {
    for (const count of [1, 12, 2000]) {
      const { bytes } = await writeTable(temporaryDirectory(t), manyRecords(count), compression);
      t.strictSame(examine(bytes), { kind: 'right' }, `${count}, ${compression}`);
    }
  }
});

t.test('tables that are written anew are right, and hold what they are given', async (t) => {
  for (const count of [1, 4, 900]) {
    const names = Array.from({ length: count }, (_, index) => `n${String(index).padStart(4, '0')}`);
    const records = names.map((name, index) => tableRecord(name, index, name.repeat(9)));
    const bytes = encodeTable(records, crcOf);
    t.strictSame(examine(bytes), { kind: 'right' });
    const damaged = examine(changed(bytes, bytes.length - FOOTER_SIZE - 1));
    t.match(damaged, { kind: 'damaged', detail: 'its index is wrong' });
    t.strictSame('records' in damaged && damaged.records, records, `${count}`);
  }
});

t.test(
  'a byte that has changed is noticed, and seldom costs a record that it is not in',
  async (t) => {
    const { bytes } = await writeTable(temporaryDirectory(t), manyRecords(8));
    const footer = bytes.length - FOOTER_SIZE;
    const blocks = blocksOf(bytes, crcOf);
    t.equal(blocks.length, 5, 'two of data, filter, metaindex, index');
    const [, second, filter] = blocks;
    if (second === undefined || filter === undefined) throw new TypeError('too few blocks');
    const counts = new Map<number, number>();
    for (let at = 0; at < footer; at++) {
      const found = read(changed(bytes, at));
      const count = typeof found === 'string' ? -1 : found.length;
      counts.set(count, (counts.get(count) ?? 0) + 1);
      if (count < 0) t.equal(found, LOST_INDEX, `byte ${at}`);
      if (at > second.offset + second.size && at < filter.offset + filter.size) t.equal(count, 8);
    }
    t.ok((counts.get(8) ?? 0) > 0.99 * footer, JSON.stringify([...counts]));
    for (let at = footer + 40; at < bytes.length; at++) {
      t.equal(read(changed(bytes, at)), LOST_FOOTER, `byte ${at} of the magic number`);
    }
  },
);

t.test('records are found through an index that is compressed', async (t) => {
  const records = manyRecords(2000);
  const { bytes } = await writeTable(temporaryDirectory(t), records, true);
  const blocks = blocksOf(bytes, crcOf);
  const index = blocks.at(-1);
  t.equal(index && bytes[compressionAt(index)], 1);
  const checksum = changed(bytes, bytes.length - FOOTER_SIZE - 1);
  t.strictSame(read(checksum), [...records.keys()], 'the checksum of the index is wrong');
  const lost = changed(bytes, index?.offset ?? 0);
  t.equal(read(lost), LOST_INDEX);
  const compression = blocks[3] && compressionAt(blocks[3]);
  t.strictSame(read(changed(bytes, compression ?? 0)), [...records.keys()], 'how it is compressed');
});

t.test('the table whose metaindex is nowhere keeps its records', async (t) => {
  const table = smallTable(crcOf);
  t.strictSame(examine(table), { kind: 'right' });
  const nowhere = Buffer.from(table);
  nowhere[table.length - FOOTER_SIZE] = 0x7f;
  t.match(examine(nowhere), { kind: 'damaged', detail: 'its filter is wrong' });
  t.strictSame(read(nowhere), ['a', 'b']);
});

t.test('a table is lost when nothing can be read of it', async (t) => {
  const table = smallTable(crcOf);
  const once = changed(table, 0);
  t.match(examine(once), { kind: 'damaged', detail: '1 of its 2 blocks are wrong' });
  t.strictSame(read(once), ['b']);
  const [, second] = blocksOf(table, crcOf);
  t.equal(read(changed(once, second?.offset ?? 0)), NO_RECORDS);
  t.equal(read(tableOf([encodeIndex([]), encodeIndex([])], crcOf)), LOST_INDEX, 'empty');
});

t.test('an index with a right checksum is bounded all the same', async (t) => {
  const wrongs: readonly (readonly BlockHandle[])[] = [
    [{ offset: 0, size: 2 ** 45 }],
    [{ offset: 2 ** 45, size: 1 }],
    Array.from({ length: 99 }, () => ({ offset: 0, size: 50 })),
  ];
  for (const handles of wrongs) {
    const table = tableOf([Buffer.alloc(60), encodeIndex([]), encodeIndex(handles)], crcOf);
    t.equal(read(table), NO_RECORDS);
  }
  t.strictSame(decodeEntries(Buffer.alloc(3)), [], 'too short for its restarts');
  t.strictSame(decodeEntries(Buffer.alloc(8, 0xff)), [], 'more restarts than it has bytes');
  t.strictSame(decodeEntries(Buffer.from('0001020700000000', 'hex')), [], 'cut short');
  t.strictSame(decodeEntries(Buffer.from('0101006100000000', 'hex')), [], 'shares what is not');
});

t.test('records that are out of order are put in order', async (t) => {
  const order = (...records: Parameters<typeof inOrder>[0]) =>
    inOrder(records).map(({ value }) => value.toString());
  const [b, c] = [tableRecord('b', 2, 'b'), tableRecord('c', 3, 'c')];
  t.strictSame(order(tableRecord('x', 1, 'x', false), b, c), ['b', 'c', 'x']);
  t.strictSame(order(b, c, tableRecord('b', 4, 'was d', false)), ['b', 'c'], 'another has its key');
  t.strictSame(order(tableRecord('c', 1, 'was a', false), b, c), ['b', 'c', 'was a']);
  t.strictSame(order(tableRecord('b', 9, 'newer', false), b), ['newer', 'b']);
  t.strictSame(order(b, c, b), ['b', 'c']);
});

t.test('no bytes make it throw', async (t) => {
  const tables = [
    smallTable(crcOf),
    (await writeTable(temporaryDirectory(t), manyRecords(12), true)).bytes,
  ];
  const footer = smallTable(crcOf).subarray(-FOOTER_SIZE);
  const states = new Set<string>();
  const see = (bytes: Buffer) => states.add(examine(bytes).kind);
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), changes, fc.nat(), (bytes, edits, cut) => {
      see(Buffer.from(bytes));
      see(Buffer.concat([bytes, footer]));
      for (const table of tables) {
        const copy = Buffer.from(table);
        for (const [at, value] of edits) {
          copy[at % 2 === 0 ? at % copy.length : copy.length - 1 - (at % 60)] = value;
        }
        see(copy);
        see(copy.subarray(cut % copy.length));
      }
    }),
    { numRuns: 500, seed: 11 },
  );
  see(noiseBytes(100_000, 3));
  t.same([...states].toSorted(), ['damaged', 'lost', 'right']);
});
