/** Records of a store: one form, and nothing else decodes. */
import fc from 'fast-check';
import t from 'tap';
import { RangeSet } from '../src/ranges/range-set.ts';
import { SEGMENT_BYTES } from '../src/store/limits.ts';
import { PieceHashes } from '../src/store/piece-hashes.ts';
import {
  decodeBlobRecord,
  decodeSegmentRecord,
  encodeBlobRecord,
  encodeSegmentRecord,
} from '../src/store/store-record.ts';

const code = 'ERR_P2P_STORE_RECORD';

const anyRecord = fc
  .record({
    sizeBytes: fc.integer({ min: 1, max: 2 ** 40 }),
    inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    generation: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
    lastUseMs: fc.nat(),
    isComplete: fc.boolean(),
  })
  .map(({ part, ...rest }) => ({ ...rest, heldBytes: Math.floor(rest.sizeBytes * part) }));

t.test('the record of a blob comes back, of the same key only', async (t) => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const bytes = encodeBlobRecord('b/1', record);
      t.strictSame(decodeBlobRecord('b/1', bytes), record);
      t.throws(() => decodeBlobRecord('b/2', bytes), { code });
    }),
    { numRuns: 100, seed: 51 },
  );
  const record = { sizeBytes: 10, inode: 1n, generation: 2n, lastUseMs: 3, isComplete: false };
  const tooMuch = encodeBlobRecord('b/1', { ...record, heldBytes: 11 });
  t.throws(() => decodeBlobRecord('b/1', tooMuch), { code }, 'more held than it has');
  const tooLarge = encodeBlobRecord('b/1', { ...record, heldBytes: 1, sizeBytes: 2 ** 41 });
  t.throws(() => decodeBlobRecord('b/1', tooLarge), { code });
});

t.test('the record of a segment comes back', async (t) => {
  const anyRange = fc
    .tuple(fc.nat(SEGMENT_BYTES - 2), fc.nat(100_000))
    .map(([start, length]) => ({ start, end: Math.min(SEGMENT_BYTES, start + length + 1) }));
  fc.assert(
    fc.property(fc.array(anyRange), fc.array(fc.nat(63)), (ranges, pieces) => {
      const held = [...RangeSet.from(ranges)];
      const hashes = new PieceHashes(SEGMENT_BYTES);
      for (const piece of pieces) hashes.set(piece, Buffer.alloc(32, piece + 1));
      const record = { generation: 7n, held, hashes: hashes.segment(0) };
      const again = decodeSegmentRecord('s/1', encodeSegmentRecord('s/1', record));
      t.strictSame(again.held, held);
      t.equal(again.generation, 7n);
      const loaded = new PieceHashes(SEGMENT_BYTES);
      loaded.load(0, again.hashes);
      for (let piece = 0; piece < 64; piece++) {
        t.strictSame(loaded.get(piece), hashes.get(piece));
      }
    }),
    { numRuns: 50, seed: 52 },
  );
});

t.test('every flipped bit and every cut is noticed', async (t) => {
  const hashes = new PieceHashes(SEGMENT_BYTES);
  hashes.set(3, Buffer.alloc(32, 9));
  const held = [{ start: 5, end: 70_000 }];
  const segment = encodeSegmentRecord('s/1', { generation: 1n, held, hashes: hashes.segment(0) });
  const decode = (bytes: Buffer) => decodeSegmentRecord('s/1', bytes);
  for (let bit = 0; bit < segment.length * 8; bit++) {
    const flipped = Buffer.from(segment);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.throws(() => decode(flipped), { code }, `bit ${bit}`);
  }
  for (let length = 0; length < segment.length; length++) {
    t.throws(() => decode(segment.subarray(0, length)), { code }, `${length} bytes`);
  }
});

t.test('hashes of pieces: the first one told stays', async (t) => {
  const hashes = new PieceHashes(3 * (1 << 20) + 1);
  t.equal(hashes.count, 4);
  const hash = Buffer.alloc(32, 1);
  t.strictSame(
    [hashes.set(3, hash), hashes.set(3, hash), hashes.set(3, Buffer.alloc(32, 2))],
    ['new', 'same', 'other'],
  );
  t.strictSame(
    [
      hashes.set(4, hash),
      hashes.set(-1, hash),
      hashes.set(0.5, hash),
      hashes.set(0, hash.subarray(1)),
    ],
    ['none', 'none', 'none', 'none'],
  );
  t.ok(hashes.get(3)?.equals(hash));
  t.equal(hashes.get(99), undefined);
});
