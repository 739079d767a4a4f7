/** Bytes in several buffers are as those in one. */
import t from 'tap';
import { sizeOf, sliceOf } from '../src/store/scattered-bytes.ts';

t.test('slices of several buffers are the slices of one', (t) => {
  const whole = Buffer.from(Array.from({ length: 20 }, (_, index) => index));
  const cuts = [0, 3, 3, 10, 20];
  const buffers = cuts.slice(1).map((end, index) => whole.subarray(cuts[index], end));
  t.equal(sizeOf(buffers), whole.length);
  for (let start = 0; start <= whole.length; start++) {
    for (let end = start; end <= whole.length; end++) {
      const views = sliceOf(buffers, start, end);
      if (!Buffer.concat(views).equals(whole.subarray(start, end))) t.fail(`${start} to ${end}`);
      if (views.some(({ length }) => length === 0)) t.fail(`${start} to ${end} has an empty view`);
    }
  }
  t.end();
});
