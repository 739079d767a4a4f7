/** Of a read some of which is waited for: that comes first, and the rest behind it. */
import t from 'tap';
import { splitFront } from '../src/select/block-state.ts';
import { randomOf } from './support/random.ts';
import { peerOf, ReadWorld } from './support/read-world.ts';

const BLOCK = 128 << 10;

t.test('what is waited for is asked for first, and apart', async (t) => {
  const range = { start: BLOCK - 10, end: 3 * BLOCK };
  const world = new ReadWorld(range, { random: randomOf(1), frontBytes: 1000 });
  const peer = peerOf(1);
  world.hold(peer, range);
  world.do(world.read.start(0));
  const asked = () => world.asked.map(({ range: { start, end } }) => [start - BLOCK, end - BLOCK]);
  t.same(asked(), [
    [-10, 0],
    [0, 990],
  ]);
  world.answer(0);
  t.equal(asked().length, 1, 'the rest goes behind all of it');
  world.answer(0);
  t.same(asked(), [
    [990, BLOCK],
    [BLOCK, 2 * BLOCK],
  ]);
  while (!world.read.isDone) world.answer(0);
  t.same(world.wrong, []);
  t.same(splitFront(range, 0), [range]);
  t.same(splitFront(range, range.end - range.start), [range], 'all of it is');
});
