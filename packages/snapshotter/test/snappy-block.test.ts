/** Snappy as LevelDB's blocks have it: what comes out, and that nothing is read or written outside. */
import fc from 'fast-check';
import t from 'tap';
import { BLOCK_BYTES_MAX } from '../src/snapshots/limits.ts';
import { decodeSnappy } from '../src/snapshots/snappy-block.ts';

const text = (hex: string) => decodeSnappy(Buffer.from(hex, 'hex'))?.toString('latin1');

t.test('literals and copies', async (t) => {
  t.equal(text('00'), '');
  t.equal(text('03 08 616263'.replaceAll(' ', '')), 'abc');
  t.equal(
    text('0b 08 616263 11 03'.replaceAll(' ', '')),
    'abcabcabcab',
    'a short copy that overlaps',
  );
  t.equal(text('05 08 616263 06 0200'.replaceAll(' ', '')), 'abcbc', 'two bytes say how far back');
  t.equal(text('05 08 616263 07 02000000'.replaceAll(' ', '')), 'abcbc', 'four do');
  for (const bytes of [1, 2, 3, 4]) {
    const size = Buffer.alloc(bytes);
    size.writeUIntLE(199, 0, bytes);
    const literal = Buffer.concat([Buffer.of((59 + bytes) << 2), size, Buffer.alloc(200, 'x')]);
    const stored = Buffer.concat([Buffer.of(0xc8, 0x01), literal]);
    t.equal(decodeSnappy(stored)?.toString('latin1'), 'x'.repeat(200), `${bytes} bytes of size`);
  }
});

t.test('what is not snappy is refused', async (t) => {
  const wrongs = {
    '': 'nothing at all',
    '80': 'a size that is cut short',
    '04 08 616263': 'less than it says',
    '02 08 616263': 'more than it says',
    '03 08 6162': 'a literal that is cut short',
    '03 f0': 'a size of a literal that is cut short',
    '07 08 616263 01 04': 'a copy from before the start',
    '07 08 616263 01 00': 'a copy of what is not written yet',
    '05 08 616263 06 02': 'a copy that is cut short',
    '04 08 616263 06 0200': 'a copy past the end',
  };
  for (const [hex, why] of Object.entries(wrongs)) {
    t.equal(text(hex.replaceAll(' ', '')), undefined, why);
  }
  const size = Buffer.from([0x81, 0x80, 0x80, 0x08]);
  t.equal(BLOCK_BYTES_MAX + 1, 0x100_0001);
  t.equal(decodeSnappy(size), undefined, 'larger than any index');
});

t.test('no bytes make it throw', async (t) => {
  let decoded = 0;
  fc.assert(
    fc.property(fc.nat(200), fc.uint8Array({ maxLength: 60 }), (size, rest) => {
      const output = decodeSnappy(Buffer.from([size & 0x7f, ...rest]));
      if (output === undefined) return;
      decoded += 1;
      t.equal(output.length, size & 0x7f);
    }),
    { numRuns: 5000, seed: 12 },
  );
  t.ok(decoded > 0);
});
