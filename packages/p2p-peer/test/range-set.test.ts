/** Sets of ranges, compared with one byte for each byte. */
import fc from 'fast-check';
import t from 'tap';
import type { ByteRange } from '../src/index.ts';
import { decodeRanges, encodeRanges } from '../src/ranges/range-codec.ts';
import { RangeSet } from '../src/ranges/range-set.ts';

const SPACE = 200;
const LARGE = 2 ** 40;

const anyRange = fc
  .tuple(fc.nat(SPACE - 1), fc.nat(SPACE - 1))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) + 1 }));
const anyChanges = fc.array(fc.record({ isAdded: fc.boolean(), range: anyRange }), {
  maxLength: 60,
});

type Change = { readonly isAdded: boolean; readonly range: ByteRange };

function build(changes: readonly Change[]): { set: RangeSet; map: Uint8Array } {
  const set = new RangeSet();
  const map = new Uint8Array(SPACE);
  for (const { isAdded, range } of changes) {
    if (isAdded) set.add(range);
    else set.remove(range);
    map.fill(Number(isAdded), range.start, range.end);
  }
  return { set, map };
}

/** Runs of `value` between `start` and `end`. */
function runs(map: Uint8Array, value: number, { start, end }: ByteRange): ByteRange[] {
  const found: ByteRange[] = [];
  let from = -1;
  for (let at = start; at <= end; at++) {
    const isIn = at < end && map[at] === value;
    if (isIn && from === -1) from = at;
    if (!isIn && from !== -1) {
      found.push({ start: from, end: at });
      from = -1;
    }
  }
  return found;
}

t.test('a set is what a map of every byte is', async (t) => {
  const all = { start: 0, end: SPACE };
  fc.assert(
    fc.property(anyChanges, anyRange, (changes, within) => {
      const { set, map } = build(changes);
      t.strictSame([...set], runs(map, 1, all));
      t.equal(set.count, [...set].length);
      t.equal(
        set.bytes,
        map.reduce((sum, bit) => sum + bit, 0),
      );
      t.strictSame(set.intersect(within), runs(map, 1, within));
      t.strictSame(set.missing(within), runs(map, 0, within));
      t.equal(set.covers(within), runs(map, 0, within).length === 0);
      const [first] = runs(map, 1, { start: within.start, end: SPACE });
      const until = first?.start === within.start ? first.end : within.start;
      t.equal(set.coveredUntil(within.start), until);
    }),
    { numRuns: 500, seed: 41 },
  );
});

t.test('a set of large ranges, far apart, is what a map of them is', async (t) => {
  const all = { start: 0, end: SPACE };
  for (const unit of [2 ** 26, 2 ** 28, 2 ** 31, 2 ** 28 - 1, 2 ** 45]) {
    const scaled = ({ start, end }: ByteRange) => ({ start: start * unit, end: end * unit });
    fc.assert(
      fc.property(anyChanges, anyRange, (changes, within) => {
        const large = changes.map(({ isAdded, range }) => ({ isAdded, range: scaled(range) }));
        const { map } = build(changes);
        const set = new RangeSet();
        for (const { isAdded, range } of large) {
          if (isAdded) set.add(range);
          else set.remove(range);
        }
        t.strictSame([...set], runs(map, 1, all).map(scaled));
        t.equal(set.count, [...set].length);
        t.equal(
          set.bytes,
          [...set].reduce((sum, { start, end }) => sum + end - start, 0),
        );
        t.strictSame(set.intersect(scaled(within)), runs(map, 1, within).map(scaled));
        t.strictSame(set.missing(scaled(within)), runs(map, 0, within).map(scaled));
        t.equal(set.covers(scaled(within)), runs(map, 0, within).length === 0);
        t.strictSame([...set.clone()], [...set]);
      }),
      { numRuns: 150, seed: 44 },
    );
  }
});

t.test('a set is the same after encode and decode, and a copy is another set', async (t) => {
  fc.assert(
    fc.property(anyChanges, fc.constantFrom(0, 1000, LARGE), (changes, offset) => {
      const { set } = build(changes);
      const moved = [...set].map(({ start, end }) => ({
        start: start + offset,
        end: end + offset,
      }));
      const far = RangeSet.from(moved.toReversed());
      const again = RangeSet.decode(far.encode());
      t.strictSame([...again], moved);
      t.equal(again.bytes, set.bytes);
      const copy = far.clone();
      copy.add({ start: 0, end: LARGE * 2 });
      t.strictSame([...far], moved);
      t.equal(copy.count, 1);
    }),
    { numRuns: 200, seed: 42 },
  );
});

t.test('every byte string is refused or the only form of its set', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      try {
        t.strictSame(Buffer.from(bytes), RangeSet.decode(bytes).encode());
      } catch (error) {
        t.match(error, { code: 'ERR_P2P_RANGE_SET_FORMAT' });
      }
    }),
    { numRuns: 3000, seed: 43 },
  );
});

t.test('bytes that are no set are refused', async (t) => {
  const cases = {
    nothing: [],
    'fewer ranges than told': [2, 0, 0],
    'far more ranges than bytes': [0xff, 0xff, 0x0f],
    'a number cut short': [1, 0x80],
    'a number longer than needed': [1, 0x80, 0x00, 0],
    'a number above 2^53': [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0],
    'a number without end': [1, ...Array.from({ length: 20 }, () => 0xff)],
    'bytes behind': [1, 0, 0, 0],
  };
  for (const [name, bytes] of Object.entries(cases)) {
    t.throws(
      () => decodeRanges(Uint8Array.from(bytes)),
      { code: 'ERR_P2P_RANGE_SET_FORMAT' },
      name,
    );
  }
  const bytes = encodeRanges([
    { start: 5, end: 10 },
    { start: 20, end: 30 },
  ]);
  const code = 'ERR_P2P_RANGE_SET_FORMAT';
  t.throws(() => decodeRanges(bytes, { endMax: 29 }), { code });
  t.throws(() => decodeRanges(bytes, { rangesMax: 1 }), { code });
  t.equal(decodeRanges(bytes, { endMax: 30, rangesMax: 2 }).length, 2);
});

t.test('a set has no more ranges than it may, and stays as it was', async (t) => {
  const set = new RangeSet(2);
  set.add({ start: 0, end: 10 });
  set.add({ start: 20, end: 30 });
  t.throws(() => set.add({ start: 12, end: 13 }), { code: 'ERR_P2P_RANGES_MAX' });
  t.throws(() => set.remove({ start: 2, end: 3 }), { code: 'ERR_P2P_RANGES_MAX' });
  t.strictSame([...set].length, 2);
  t.equal(set.bytes, 20);
  set.add({ start: 10, end: 20 });
  t.strictSame([...set], [{ start: 0, end: 30 }]);
  set.remove({ start: 2, end: 3 });
  t.equal(set.count, 2);
  set.clear();
  t.strictSame([set.count, set.bytes], [0, 0]);
});

t.test('what is no range is refused', async (t) => {
  const set = new RangeSet();
  const cases: readonly (readonly [number, number])[] = [
    [0, 0],
    [5, 3],
    [-1, 4],
    [0.5, 4],
    [0, Number.POSITIVE_INFINITY],
    [0, 2 ** 53],
    [Number.NaN, 4],
  ];
  for (const [start, end] of cases) {
    t.throws(() => set.add({ start, end }), { code: 'ERR_P2P_BYTE_RANGE' });
    t.throws(() => set.remove({ start, end }), { code: 'ERR_P2P_BYTE_RANGE' });
    t.notOk(set.covers({ start, end }));
  }
});
