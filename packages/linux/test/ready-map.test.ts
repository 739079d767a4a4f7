/** The map of ready blocks: what its writer sets is what its reader sees. */
import fc from 'fast-check';
import t from 'tap';
import { isRangeReady, ReadyMap, readyMapBytes } from '../src/fuse/ready-map.ts';
import { FLAT_FILE_BYTES_MAX } from '../src/limits.ts';

t.test('a range is ready when each of its blocks is', async (t) => {
  t.equal(readyMapBytes(0), 0);
  t.equal(readyMapBytes(4096 * 8), 1);
  t.equal(readyMapBytes(4096 * 8 + 1), 2);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 4, maxLength: 8 }),
      fc.nat(300_000),
      fc.nat(100_000),
      (bytes, offset, length) => {
        const map = new Uint8Array(bytes.map((byte) => (byte > 100 ? 255 : byte)));
        let expected = true;
        for (let at = offset; at < offset + length; at += 1) {
          const block = Math.floor(at / 4096);
          expected &&= ((map[block >> 3] ?? 0) & (1 << (block & 7))) !== 0;
          at = (block + 1) * 4096 - 1;
        }
        return isRangeReady(map, offset, length) === expected;
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('2000 random ranges');
});

t.test('who fills a file and who reads it mean the same blocks', async (t) => {
  const sizeBytes = 100 * 4096 + 1;
  const range = fc.record({ offset: fc.nat(sizeBytes), length: fc.nat(sizeBytes) });
  fc.assert(
    fc.property(fc.array(fc.record({ range, isSet: fc.boolean() })), range, (changes, asked) => {
      const map = new ReadyMap(sizeBytes);
      const blocks = new Array<boolean>(101).fill(false);
      const touched = ({ offset, length }: typeof asked) => {
        const end = Math.min(offset + length, sizeBytes);
        return blocks.keys().filter((at) => at * 4096 < end && (at + 1) * 4096 > offset);
      };
      for (const { range, isSet } of changes) {
        if (isSet) map.set(range.offset, range.length);
        else map.clear(range.offset, range.length);
        if (range.length > 0) for (const at of touched(range)) blocks[at] = isSet;
      }
      const length = Math.min(asked.length, sizeBytes - asked.offset);
      const expected = length <= 0 || touched(asked).every((at) => blocks[at]);
      return (
        map.isReady(asked.offset, asked.length) === expected &&
        isRangeReady(new Uint8Array(map.shared), asked.offset, length) === expected
      );
    }),
    { numRuns: 500 },
  );
  t.pass('500 random maps');
});

t.test('blocks are told apart up to the end of the largest file', async (t) => {
  const map = new Uint8Array(FLAT_FILE_BYTES_MAX / 4096 / 8);
  map.fill(0xff, -2);
  t.ok(isRangeReady(map, FLAT_FILE_BYTES_MAX - 16 * 4096, 16 * 4096));
  t.notOk(isRangeReady(map, FLAT_FILE_BYTES_MAX - 17 * 4096, 4097));
  t.notOk(isRangeReady(map, FLAT_FILE_BYTES_MAX - 4096, 4097), 'behind it is nothing');
});
