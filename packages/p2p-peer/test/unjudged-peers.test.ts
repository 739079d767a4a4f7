/** Reads beside peers that nobody has judged yet, and those that were found to lie. */
import t from 'tap';
import { PIECE_BYTES } from '../src/limits.ts';
import { randomOf } from './support/random.ts';
import { peerOf, ReadWorld } from './support/read-world.ts';

const BLOCK = 128 << 10;
const PIECE = { start: 0, end: PIECE_BYTES };
const [first, second] = [peerOf(1), peerOf(2)];

function worldOf(): ReadWorld {
  return new ReadWorld(PIECE, { random: randomOf(1) });
}

t.test('of one that nobody has judged little is asked, the rest of the home', async (t) => {
  const world = worldOf();
  world.hold(first, PIECE);
  world.credits.set(first, 3 * BLOCK);
  world.homeOrder = [second];
  world.do(world.read.start(0));
  const askedOf = (peer: typeof first) => world.asked.filter((asked) => asked.peer === peer).length;
  t.same([askedOf(first), askedOf(second)], [3, 5]);
  t.same(world.wrong, []);
});

t.test('when nobody else has it one that nobody has judged gives all', async (t) => {
  const world = worldOf();
  world.homeOrder = ['self'];
  world.do(world.read.start(0));
  world.hold(first, PIECE);
  world.credits.set(first, BLOCK);
  world.originFails(0);
  t.equal(world.asked.length, 8);
  t.same(world.wrong, []);
});

t.test('what one that has lied was asked for is asked of others at once', async (t) => {
  const world = worldOf();
  world.hold(first, PIECE);
  world.homeOrder = [second];
  world.do(world.read.start(0));
  t.equal(world.asked.length, 8);
  world.banned.add(first);
  world.do(world.read.dismissed(first, 0));
  t.same(
    world.cancelled,
    Array.from({ length: 8 }, () => 'unwanted'),
  );
  t.same(
    world.asked.map(({ peer }) => peer),
    Array.from({ length: 8 }, () => second),
  );
  while (!world.read.isDone) world.answer(0);
  t.same(world.wrong, []);
});
