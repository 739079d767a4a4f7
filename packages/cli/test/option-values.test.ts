/** Values of options: what is understood and what is refused. */
import t from 'tap';
import { sizeParser } from '../src/option-values.ts';

t.test('sizes in powers of 1024, within bounds', async (t) => {
  const parse = sizeParser(1, 1 << 30);
  for (const [text, value] of [
    ['1', 1],
    ['64k', 65536],
    ['2M', 2 << 20],
    ['1GiB', 1 << 30],
    ['4kb', 4096],
  ] as const) {
    t.equal(parse(text), value, text);
  }
  for (const text of ['', '0', '-1', '1.5m', '1e3', '0x10', '2g', 'k', ' 1', '9'.repeat(400)]) {
    t.throws(() => parse(text), text);
  }
});
