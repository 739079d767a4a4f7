/** Tables of LevelDB: which blocks are wrong, whatever the bytes are. */
import { openChunkCrc } from '@shoal/blob-store';
import { noiseBytes, temporaryDirectory } from '@shoal/test-kit';
import fc from 'fast-check';
import t from 'tap';
import { type BlockHandle, decodeHandles } from '../src/snapshots/level-block.ts';
import {
  compressionAt,
  examineTable,
  FOOTER_SIZE,
  maskedCrc,
} from '../src/snapshots/level-table.ts';
import {
  blocksOf,
  encodeIndex,
  encodeTable,
  manyRecords,
  smallTable,
  writeTable,
} from './support/level-tables.ts';

const crcOf = await openChunkCrc();
const examine = (bytes: Buffer) => examineTable(bytes, crcOf);
const LOST_INDEX = { kind: 'lost', detail: 'its index is wrong' };
const LOST_FOOTER = { kind: 'lost', detail: 'its footer is wrong' };

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

t.test('tables that LevelDB has written are right', async (t) => {
  for (const compression of [false, true]) {
    for (const count of [1, 12, 2000]) {
      const { bytes } = await writeTable(temporaryDirectory(t), manyRecords(count), compression);
      t.strictSame(examine(bytes), { kind: 'readable', wrong: [] }, `${count}, ${compression}`);
    }
  }
});

t.test('a byte that has changed is found, wherever it is', async (t) => {
  const { bytes } = await writeTable(temporaryDirectory(t), manyRecords(8));
  const footer = bytes.length - FOOTER_SIZE;
  const known = blocksOf(bytes, crcOf);
  t.equal(known.length, 5, 'two of data, filter, metaindex, index');
  const index = known.at(-1);
  for (let at = 0; at < footer; at++) {
    const block = known.find(({ offset, size }) => at < offset + size + 5);
    const wanted = block === index ? LOST_INDEX : { kind: 'readable', wrong: [block] };
    const found = examine(changed(bytes, at));
    if (JSON.stringify(found) !== JSON.stringify(wanted)) t.strictSame(found, wanted, `byte ${at}`);
  }
  for (let at = footer + 40; at < bytes.length; at++) {
    t.strictSame(examine(changed(bytes, at)), LOST_FOOTER, `byte ${at} of the magic number`);
  }
  for (let at = footer; at < footer + 40; at++) {
    const state = examine(changed(bytes, at));
    const isSafe = state.kind === 'lost' || state.wrong.length === 0;
    t.ok(isSafe, `byte ${at}: nothing that is right is called wrong`);
  }
});

t.test('blocks are found through an index that is compressed', async (t) => {
  const { bytes } = await writeTable(temporaryDirectory(t), manyRecords(2000), true);
  const blocks = blocksOf(bytes, crcOf);
  const index = blocks.at(-1);
  t.equal(index && bytes[compressionAt(index)], 1);
  for (const block of blocks.filter((_, number) => number % 50 === 7)) {
    const state = examine(changed(bytes, block.offset + 9));
    t.strictSame(state, { kind: 'readable', wrong: [block] });
  }
  t.strictSame(examine(changed(bytes, (index?.offset ?? 0) + 9)), LOST_INDEX);
});

t.test('a table is lost when none of its data is right', async (t) => {
  const table = smallTable(crcOf);
  t.strictSame(examine(table), { kind: 'readable', wrong: [] });
  const once = changed(table, 3);
  t.strictSame(examine(once), { kind: 'readable', wrong: [{ offset: 0, size: 30 }] });
  const NONE = { kind: 'lost', detail: 'none of its blocks is right' };
  t.strictSame(examine(changed(once, 40)), NONE);
  t.strictSame(examine(encodeTable([encodeIndex([]), encodeIndex([])], crcOf)), NONE, 'empty');
});

t.test('an index with a right checksum is bounded all the same', async (t) => {
  const wrongs: readonly (readonly BlockHandle[])[] = [
    [{ offset: 0, size: 2 ** 45 }],
    [{ offset: 2 ** 45, size: 1 }],
    [
      { offset: 0, size: 30 },
      { offset: 30, size: 1 },
    ],
    [
      { offset: 9, size: 1 },
      { offset: 0, size: 1 },
    ],
  ];
  for (const handles of wrongs) {
    const table = encodeTable([Buffer.alloc(60), encodeIndex([]), encodeIndex(handles)], crcOf);
    t.strictSame(examine(table), { kind: 'lost', detail: 'its index is none' });
  }
  t.equal(decodeHandles(Buffer.alloc(3), 99), undefined, 'too short for its restarts');
  t.equal(decodeHandles(Buffer.alloc(8, 0xff), 99), undefined, 'more restarts than it has bytes');
  t.equal(decodeHandles(Buffer.from('0001020700000000', 'hex'), 99), undefined, 'cut short');
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
  t.same([...states].toSorted(), ['lost', 'readable']);
});
