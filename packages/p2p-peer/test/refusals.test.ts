/** Who only refuses is asked less and less; who is busy, and answers now and then, is not left out. */
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { PIECE_BYTES } from '../src/limits.ts';
import { HOLDER_GRACE_MS, HOLDER_PAUSE_MS, HOME_PAUSE_MS } from '../src/select/limits.ts';
import { READ_POLICY } from '../src/select/read-policy.ts';
import { RefusalStreaks } from '../src/select/refusal-streaks.ts';
import { Refusals } from '../src/select/refusals.ts';
import type { WireServer } from '../src/wire/blob-wire.ts';
import { openWire } from '../src/wire/handshakes/open-wire.ts';
import { CountingOrigin, PeerCluster, whenReady } from './support/peer-cluster.ts';
import { randomOf } from './support/random.ts';
import { peerOf, ReadWorld } from './support/read-world.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { PATIENT, patternedBlob, sharedBlob } from './support/wire-pair.ts';

const PIECE = { start: 0, end: PIECE_BYTES };
/** Of pauses that are spread over half to one and a half. */
const MIDDLE = 0.5;
const READ_EVERY_MS = 10;
const [withholder, honest] = [peerOf(1), peerOf(2)];

t.test('pauses double up to half a minute, and an answer ends them', async (t) => {
  const streaks = new RefusalStreaks({ graceMs: 0, pauseMs: 50 });
  let nowMs = 0;
  const pauses: number[] = [];
  for (let time = 0; time < 12; time++) {
    streaks.refused(withholder, nowMs, MIDDLE);
    const startedAtMs = nowMs;
    streaks.refused(withholder, nowMs + 1, MIDDLE);
    while (streaks.of(withholder, nowMs) === 'refusing') nowMs += 50;
    t.equal(streaks.of(withholder, nowMs), 'doubted', 'until it answers');
    pauses.push(nowMs - startedAtMs);
  }
  t.same(pauses, [
    ...[50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600],
    ...[30_000, 30_000],
  ]);
  streaks.answered(withholder);
  t.equal(streaks.of(withholder, nowMs), 'willing');
  streaks.refused(withholder, nowMs, MIDDLE);
  t.equal(streaks.of(withholder, nowMs + 50), 'doubted', 'the first pause is a short one again');
  t.equal(streaks.of(withholder, nowMs + 300_000), 'willing', 'in five minutes it is forgotten');
  for (let number = 0; number < 1000; number++) streaks.refused(peerOf(number), nowMs, MIDDLE);
  t.ok(streaks.count <= 256, 'they are bounded');
});

t.test('a home that holds nothing yet may refuse as long as a read waits for it', async (t) => {
  const refusals = new Refusals();
  const graceMs = READ_POLICY.homePatienceMs;
  for (let atMs = 0; atMs < graceMs; atMs += 200) {
    refusals.refused(honest, false, atMs, MIDDLE);
    t.equal(refusals.of(honest, atMs, true), 'willing');
  }
  refusals.refused(honest, false, graceMs, MIDDLE);
  t.equal(refusals.of(honest, graceMs, true), 'refusing');
  t.equal(refusals.of(honest, graceMs), 'willing', 'nothing is known of what it holds');
  t.equal(refusals.of(honest, graceMs + HOME_PAUSE_MS, true), 'doubted');
  refusals.answered(honest);
  t.equal(refusals.of(honest, graceMs, true), 'willing');
});

t.test('a holder may refuse for a moment, as all do that start together', async (t) => {
  const refusals = new Refusals();
  for (let atMs = 0; atMs < HOLDER_GRACE_MS; atMs += 50) {
    refusals.refused(honest, true, atMs, MIDDLE);
    t.equal(refusals.of(honest, atMs), 'willing');
  }
  refusals.refused(honest, true, HOLDER_GRACE_MS, MIDDLE);
  t.equal(refusals.of(honest, HOLDER_GRACE_MS), 'refusing');
  t.equal(refusals.of(honest, HOLDER_GRACE_MS + HOLDER_PAUSE_MS), 'doubted');
  refusals.answered(honest);
  t.equal(refusals.of(honest, HOLDER_GRACE_MS), 'willing');
});

/** Reads of one piece each, one after the other, until a minute is over; how often each was asked. */
function readFor(periodMs: number, answers: (peer: typeof honest, nowMs: number) => boolean) {
  const refusals = new Refusals();
  const random = randomOf(7);
  const asked = new Map([withholder, honest].map((peer) => [peer, 0]));
  let reads = 0;
  let nowMs = 0;
  for (; nowMs < periodMs; reads++) {
    const world = new ReadWorld(PIECE, { random }, { refusals, nowMs });
    for (const peer of [withholder, honest]) world.hold(peer, PIECE);
    world.do(world.read.start(nowMs));
    while (!world.read.isDone) {
      world.pass(2);
      for (let [ask] = world.asked; ask !== undefined; [ask] = world.asked) {
        asked.set(ask.peer, (asked.get(ask.peer) ?? 0) + 1);
        const isAnswer = answers(ask.peer, world.nowMs);
        if (isAnswer) refusals.answered(ask.peer);
        else refusals.refused(ask.peer, true, world.nowMs, random());
        if (isAnswer) world.answer(0);
        else world.refuse(0, 'busy');
      }
    }
    if (world.wrong.length > 0) throw new Error(world.wrong.join());
    nowMs = world.nowMs + 20;
  }
  return { reads, withholder: asked.get(withholder) ?? 0, honest: asked.get(honest) ?? 0 };
}

t.test('a holder that answers nothing is asked little, however much is read', async (t) => {
  const counts = readFor(60_000, (peer) => peer === honest);
  t.ok(counts.reads > 1000, `${counts.reads} reads`);
  t.ok(counts.withholder <= 100, `asked ${counts.withholder} times`);
});

t.test('a holder that is busy every other time keeps its share', async (t) => {
  const random = randomOf(9);
  const counts = readFor(60_000, (peer) => peer === honest || random() < 0.5);
  t.ok(counts.withholder > counts.reads / 2, `asked ${counts.withholder} times`);
});

t.test('a holder that was busy for two seconds is not left out for much longer', async (t) => {
  let isAnsweredAtMs: number | undefined;
  const counts = readFor(10_000, (peer, nowMs) => {
    if (peer === honest) return true;
    if (nowMs >= 2000) isAnsweredAtMs ??= nowMs;
    return nowMs >= 2000;
  });
  t.ok(Number(isAnsweredAtMs) < 5000, `asked again at ${isAnsweredAtMs}`);
  t.ok(counts.withholder > counts.reads, `${counts.withholder} blocks in ${counts.reads} reads`);
});

t.test('the only one who has it is asked all the same when the origin fails', async (t) => {
  const refusals = new Refusals();
  for (const atMs of [0, 100, 300, 700, 1500]) refusals.refused(honest, true, atMs, MIDDLE);
  const world = new ReadWorld(PIECE, { random: randomOf(1) }, { refusals, nowMs: 1500 });
  world.hold(honest, PIECE);
  world.homeOrder = ['self'];
  world.do(world.read.start(1500));
  t.equal(world.asked.length, 0, 'while there is the origin it is not');
  world.originFails(0);
  t.equal(world.asked.length, 8);
});

t.test('a real host that refuses what it says it holds is asked a few times', async (t) => {
  const bytes = patternedBlob(4 << 20);
  const blobId = blobIdOf(bytes);
  const repository = 'registry.test/app';
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed-1', 'seed');
  const reader = await cluster.start('a', 'peer', { seeds: [seed.facts] });
  await whenReady(seed, reader);
  const source = reader.peer.source(origin, repository);
  const readAt = async (offset: number) =>
    await source.read({ blobId, sizeBytes: bytes.length }, offset, 32 << 10, {});
  await readAt(0);
  let refused = 0;
  const server: WireServer = {
    serve: async () => {
      refused += 1;
      throw new Error('it never had them');
    },
    hashes: () => [],
    onHeld: () => undefined,
    onNeighbours: () => undefined,
  };
  const trust = await cluster.trust('withholder', 'peer');
  const place = { role: 'peer', zone: 'z', rack: 'r', address: 'none:1' } as const;
  await using wire = await openWire({
    ...{ self: { host: trust.host, ...place }, trust, host: reader.facts, blobId, repository },
    ...{ blob: sharedBlob(server, bytes.length), ...PATIENT },
  });
  t.ok(wire.facts.host?.host === 'a');
  await until('it is a neighbour', () => reader.peer.status().wires === 2);
  for (let offset = 32 << 10; offset < bytes.length; offset += 32 << 10) {
    await sleep(READ_EVERY_MS);
    t.ok((await readAt(offset)).equals(bytes.subarray(offset, offset + (32 << 10))));
  }
  t.ok(refused > 0 && refused <= 60, `${refused} refusals in 127 reads`);
});
