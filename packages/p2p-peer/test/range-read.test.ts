/** Reads of ranges in the situations that matter, one by one: who is asked, and when. */
import t from 'tap';
import { EXTENT_BYTES, PIECE_BYTES } from '../src/limits.ts';
import { splitRange } from '../src/select/block-state.ts';
import type { ReadPolicy } from '../src/select/read-policy.ts';
import { READ_POLICY } from '../src/select/read-policy.ts';
import { randomOf } from './support/random.ts';
import { peerOf, ReadWorld } from './support/read-world.ts';

const BLOCK = 128 << 10;
const PIECE = { start: 0, end: PIECE_BYTES };
const [first, second, third] = [1, 2, 3].map(peerOf);
if (first === undefined || second === undefined || third === undefined) throw new Error('peers');

function worldOf(range = { start: 0, end: BLOCK }, policy: Partial<ReadPolicy> = {}): ReadWorld {
  return new ReadWorld(range, { random: randomOf(1), ...policy });
}

t.test('blocks lie inside pieces, at multiples of their size', async (t) => {
  t.same(splitRange({ start: 10, end: 20 }), [{ start: 10, end: 20 }]);
  const blocks = splitRange({ start: BLOCK - 1, end: PIECE_BYTES + 5 });
  t.same(blocks[0], { start: BLOCK - 1, end: BLOCK });
  t.same(blocks[1], { start: BLOCK, end: 2 * BLOCK });
  t.same(blocks.at(-1), { start: PIECE_BYTES, end: PIECE_BYTES + 5 });
  t.equal(blocks.length, 9);
});

t.test('several holders share a large range, a window of it at a time', async (t) => {
  const world = worldOf({ start: 0, end: 8 * PIECE_BYTES }, { windowBytes: 2 * PIECE_BYTES });
  for (const peer of [first, second, third]) world.hold(peer, { start: 0, end: 8 * PIECE_BYTES });
  world.do(world.read.start(0));
  t.equal(world.asked.length, 16);
  for (const peer of [first, second, third]) {
    const count = world.asked.filter((asked) => asked.peer === peer).length;
    t.ok(count >= 4 && count <= 7, `${count} of 16`);
  }
  world.answer(0);
  t.equal(world.asked.length, 16, 'the next one follows');
  while (!world.read.isDone) world.answer(0);
  t.same(world.wrong, []);
});

t.test('without room for more, one block at a time, no hedge, and patience', async (t) => {
  const world = worldOf(PIECE, { roomBytes: () => 0 });
  world.speaking.add(first).add(second);
  for (const peer of [first, second]) world.hold(peer, PIECE);
  world.do(world.read.start(0));
  world.pass(3000);
  t.equal(world.asked.length, 1);
  t.same(world.cancelled, []);
  world.pass(2000);
  t.same(world.cancelled, ['late'], 'but not for ever');
  world.answer(0);
  t.equal(world.asked.length, 1);
  t.same(world.wrong, []);
});

t.test('who answers now and then is waited for longer, as long as it lives', async (t) => {
  for (const [patienceMs, lateMs] of [
    [undefined, READ_POLICY.blockTimeoutMs],
    [2000, 2000],
  ] as const) {
    const world = worldOf();
    if (patienceMs !== undefined) world.patience.set(first, patienceMs);
    world.speaking.add(first);
    world.hold(first, PIECE);
    world.do(world.read.start(0));
    world.pass(lateMs - 100);
    t.same(world.cancelled, []);
    world.pass(200);
    t.same(world.cancelled.slice(0, 1), ['late']);
  }
});

t.test('a home that makes wait is left for whoever gets the bytes', async (t) => {
  const world = worldOf();
  world.homeOrder = [first];
  world.speaking.add(first).add(second);
  world.do(world.read.start(0));
  world.hold(second, PIECE);
  world.do(world.read.holdersChanged(world.nowMs));
  t.same(
    world.asked.map(({ peer }) => peer),
    [first],
    'it has just been asked',
  );
  world.pass(10);
  world.do(world.read.holdersChanged(world.nowMs));
  t.same(
    world.asked.map(({ peer }) => peer),
    [second],
  );
  t.same(world.cancelled, ['unwanted']);
  t.same(world.wrong, []);
});

t.test('a late holder is hedged once, after its p95, and the loser is cancelled', async (t) => {
  const world = worldOf();
  world.speaking.add(first).add(second);
  for (const peer of [first, second]) world.hold(peer, PIECE);
  world.do(world.read.start(0));
  world.pass(19);
  t.equal(world.asked.length, 1);
  world.pass(1);
  t.equal(world.asked.length, 2);
  world.pass(200);
  t.equal(world.hedges, 1);
  world.answer(1);
  t.ok(world.read.isDone);
  t.same(world.cancelled, ['answered']);
  t.same(world.wrong, []);
});

t.test('nobody waits for it: no hedge', async (t) => {
  const world = worldOf(undefined, { isDemand: () => false });
  world.speaking.add(first);
  for (const peer of [first, second]) world.hold(peer, PIECE);
  world.homeOrder = [third];
  world.do(world.read.start(0));
  world.pass(99);
  t.equal(world.hedges, 0);
});

t.test('the only holder is hedged with the home', async (t) => {
  const world = worldOf();
  world.hold(first, PIECE);
  world.homeOrder = [second];
  world.do(world.read.start(0));
  world.pass(20);
  t.same(
    world.asked.map(({ peer }) => peer),
    [first, second],
  );
});

t.test('a dead holder costs less than 300 ms, even if nobody says that it is dead', async (t) => {
  t.ok(READ_POLICY.silenceMs < 300);
  for (const isDemand of [true, false]) {
    const world = worldOf(undefined, { isDemand: () => isDemand });
    world.hold(first, PIECE);
    world.homeOrder = [second];
    world.do(world.read.start(0));
    world.pass(READ_POLICY.silenceMs);
    t.same(
      world.asked.map(({ peer }) => peer),
      [second],
    );
    t.same(world.cancelled, ['silent']);
    t.same(world.wrong, []);
  }
});

t.test('who is silent at times is given longer', async (t) => {
  const world = worldOf(PIECE);
  world.homeOrder = [first];
  world.pauses.set(first, 400);
  world.do(world.read.start(0));
  world.pass(1199);
  t.ok(world.asked.length > 0 && world.asked.every(({ peer }) => peer === first));
  world.pass(1);
  t.same(world.asked, []);
  t.same(new Set(world.cancelled), new Set(['silent']));
});

t.test('two dead homes: the origin by lottery, once both have been silent', async (t) => {
  const world = worldOf(PIECE);
  world.homeOrder = [first, second];
  world.knownPeers = 1;
  world.do(world.read.start(0));
  world.pass(READ_POLICY.silenceMs);
  t.ok(world.asked.every(({ peer }) => peer === second));
  t.same(world.atOrigin, []);
  world.pass(READ_POLICY.silenceMs);
  t.same(world.asked, []);
  t.same(world.atOrigin, [PIECE], 'in one read');
  world.originAnswers(0, 1);
  t.ok(world.read.isDone);
  t.same(world.wrong, []);
});

t.test('a home that lives is waited for: it waits for the origin itself', async (t) => {
  const world = worldOf();
  world.homeOrder = [first, second];
  world.speaking.add(first);
  world.do(world.read.start(0));
  world.pass(9000);
  t.same(
    world.asked.map(({ peer }) => peer),
    [first],
  );
  world.pass(1001);
  t.same(
    world.asked.map(({ peer }) => peer),
    [second],
    'but not for ever',
  );
});

t.test('a busy home is asked again later, and not passed', async (t) => {
  const world = worldOf();
  world.homeOrder = [first, second];
  world.speaking.add(first);
  world.do(world.read.start(0));
  for (let time = 0; time < 8; time++) {
    world.refuse(0, 'busy');
    t.same(world.asked, []);
    world.pass(400);
    t.same(
      world.asked.map(({ peer }) => peer),
      [first],
    );
  }
  world.refuse(0, 'busy');
  world.hold(third, PIECE);
  world.do(world.read.holdersChanged(world.nowMs, PIECE));
  t.same(
    world.asked.map(({ peer }) => peer),
    [third],
    'whoever gets it meanwhile is asked at once',
  );
});

t.test('a home that cannot is passed at once, one whose wire closes too', async (t) => {
  const world = worldOf();
  world.homeOrder = [first, second, third];
  world.do(world.read.start(0));
  world.refuse(0, 'cannot');
  t.same(
    world.asked.map(({ peer }) => peer),
    [second],
  );
  world.lose(second);
  t.same(
    world.asked.map(({ peer }) => peer),
    [third],
    'a known loss costs no turn',
  );
  world.lose(third);
  world.pass(3000);
  t.equal(world.atOrigin.length, 1);
});

t.test('who is the home goes to the origin at once, extent by extent', async (t) => {
  const world = worldOf({ start: EXTENT_BYTES - PIECE_BYTES, end: EXTENT_BYTES + BLOCK });
  world.homeOrder = ['self', first];
  world.do(world.read.start(0));
  t.same(world.atOrigin, [
    { start: EXTENT_BYTES - PIECE_BYTES, end: EXTENT_BYTES },
    { start: EXTENT_BYTES, end: EXTENT_BYTES + BLOCK },
  ]);
  world.originFails(1);
  t.same(
    world.asked.map(({ peer }) => peer),
    [first],
    'where it cannot, the next home is asked',
  );
  world.refuse(0, 'cannot');
  t.ok(world.failed.bytes === BLOCK, 'and then it fails');
  world.originAnswers(0, 0.5);
  world.originAnswers(0, 1);
  t.ok(world.read.isDone);
});

t.test('who is asked as a home asks no other home', async (t) => {
  const world = worldOf(PIECE, { asksHomes: false });
  world.homeOrder = [first];
  world.do(world.read.start(0));
  t.same(world.atOrigin, [PIECE]);
  world.originFails(0);
  t.equal(world.failed.bytes, PIECE_BYTES);
  t.ok(world.read.isDone);
});

t.test('a banned peer is not asked, nor a lost one before it is back', async (t) => {
  const world = worldOf();
  for (const peer of [first, second]) world.hold(peer, PIECE);
  world.banned.add(first);
  world.homeOrder = [];
  world.knownPeers = 1000;
  world.do(world.read.start(0));
  t.same(
    world.asked.map(({ peer }) => peer),
    [second],
  );
  world.lose(second);
  t.same(world.asked, []);
  world.join(second);
  t.same(
    world.asked.map(({ peer }) => peer),
    [second],
  );
  t.same(world.wrong, []);
});
