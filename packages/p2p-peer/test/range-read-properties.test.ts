/** Reads of ranges under any order of events: always something under way, no rule broken, an end. */
import fc from 'fast-check';
import t from 'tap';
import { BLOCK_BYTES_MAX } from '../src/limits.ts';
import { rangeBytes } from '../src/ranges/byte-range.ts';
import { randomOf } from './support/random.ts';
import { peerOf, ReadWorld } from './support/read-world.ts';

const PEERS = 5;
const KIB = 1024;

const event = fc.record({
  what: fc.constantFrom(
    ...([
      'answer',
      'answer',
      'answer',
      'busy',
      'cannot',
      'lose',
      'join',
      'hold',
      'origin',
    ] as const),
    ...(['origin part', 'origin fails', 'time', 'time', 'short time', 'speak', 'hush'] as const),
    ...(['stray', 'ban', 'pardon', 'homes', 'lie', 'credit'] as const),
  ),
  number: fc.nat(1000),
});

type Event = { readonly what: string; readonly number: number };

const world = fc.record({
  start: fc.nat(3 << 20),
  bytes: fc.integer({ min: 1, max: 3 << 20 }),
  homes: fc.array(fc.constantFrom('self' as const, ...[0, 1, 2].map(peerOf)), { maxLength: 3 }),
  isDemand: fc.boolean(),
  asksHomes: fc.boolean(),
  windowBytes: fc.constantFrom(1, 256 * KIB, 4 << 20),
  roomBytes: fc.constantFrom(0, 300 * KIB, Number.POSITIVE_INFINITY),
  knownPeers: fc.constantFrom(0, 1, 1000),
  events: fc.array(event, { maxLength: 80, size: 'max' }),
  seed: fc.nat(),
});

function applyEvent(world: ReadWorld, { what, number }: Event): void {
  const peer = peerOf(number % PEERS);
  const { range } = world.read;
  const at = range.start + Math.floor((number / 1001) * (range.end - range.start));
  if (what === 'answer' && world.asked.length > 0) world.answer(number);
  if (what === 'busy' && world.asked.length > 0) world.refuse(number, 'busy');
  if (what === 'cannot' && world.asked.length > 0) world.refuse(number, 'cannot');
  if (what === 'lose') world.lose(peer);
  if (what === 'join') world.join(peer);
  if (what === 'hold') {
    world.hold(peer, { start: Math.floor(at / 2), end: at + (1 << 20) });
    world.do(world.read.holdersChanged(world.nowMs));
  }
  if (what === 'origin') world.originAnswers(number, 1);
  if (what === 'origin part') world.originAnswers(number, 0.3);
  if (what === 'origin fails') world.originFails(number);
  if (what === 'time') world.pass(number);
  if (what === 'short time') world.pass(number / 50);
  if (what === 'speak') world.speaking.add(peer);
  if (what === 'hush') world.speaking.delete(peer);
  if (what === 'ban') world.banned.add(peer);
  if (what === 'lie') {
    world.banned.add(peer);
    world.do(world.read.dismissed(peer, world.nowMs));
    if (world.asked.some((asked) => asked.peer === peer)) world.wrong.push('a liar is waited for');
  }
  if (what === 'credit') world.credits.set(peer, number * KIB);
  if (what === 'pardon') world.banned.delete(peer);
  if (what === 'homes') world.homeOrder = [peerOf(number % 3), peerOf((number + 1) % 3)];
  if (what === 'stray') {
    const end = Math.min(range.end, at + 200 * KIB);
    world.do(world.read.arrived(peerOf(PEERS), { start: at, end }, world.nowMs));
  }
}

/** What the origin failed for is asked of peers at once. */
function isOverWindow(world: ReadWorld, events: readonly Event[], windowBytes: number): boolean {
  if (events.some(({ what }) => what === 'origin fails')) return false;
  const asked = world.asked.filter(({ isHedge }) => !isHedge);
  const bytes = asked.reduce((sum, { range }) => sum + rangeBytes(range), 0);
  return bytes > windowBytes + BLOCK_BYTES_MAX;
}

/** Everybody answers from now on. */
function finish(world: ReadWorld): number {
  let steps = 0;
  for (; !world.read.isDone && steps < 10_000; steps++) {
    if (world.asked.length > 0) world.answer(0);
    else if (world.atOrigin.length > 0) world.originAnswers(0, 1);
    else world.pass(1000);
  }
  return steps;
}

t.test('any events', async (t) => {
  let events = 0;
  fc.assert(
    fc.property(world, (input) => {
      const range = { start: input.start, end: input.start + input.bytes };
      const world = new ReadWorld(range, {
        isDemand: () => input.isDemand,
        asksHomes: input.asksHomes,
        windowBytes: input.windowBytes,
        roomBytes: () => input.roomBytes,
        random: randomOf(input.seed),
      });
      world.homeOrder = [...new Set(input.homes)];
      world.knownPeers = input.knownPeers;
      world.do(world.read.start(0));
      for (const event of input.events) applyEvent(world, event);
      events += input.events.length;
      if (isOverWindow(world, input.events, input.windowBytes)) {
        world.wrong.push('more is asked than the window');
      }
      if (!input.isDemand && world.hedges > 0) world.wrong.push('a hedge nobody waits for');
      const steps = finish(world);
      if (steps >= 10_000) world.wrong.push('it does not end');
      if (world.read.start(world.nowMs).length + world.read.tick(world.nowMs).length > 0) {
        world.wrong.push('actions after the end');
      }
      if (world.wrong.length > 0) throw new Error(world.wrong.join(', '));
    }),
    { numRuns: 3000 },
  );
  t.ok(events > 50_000, `${events} events`);
});

t.test('one that is stopped cancels what it asked, and is done', async (t) => {
  const world = new ReadWorld({ start: 0, end: 1 << 20 }, {});
  world.hold(peerOf(1), { start: 0, end: 1 << 20 });
  world.do(world.read.start(0));
  t.equal(world.asked.length, 8);
  world.do(world.read.stop());
  t.same(world.asked, []);
  t.ok(world.read.isDone);
  t.same(world.read.stop(), []);
  t.same(world.wrong, []);
});
