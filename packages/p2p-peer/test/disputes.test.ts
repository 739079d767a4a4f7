/**
 * Who is left out for wrong bytes, and who is not, when what was sent is compared with the right bytes:
 * images with digests that no bytes have, and liars behind what they gave before.
 */
import { type TestScope, until } from '@shoal/test-kit';
import t from 'tap';
import type { PeerId } from '../src/identity/peer-id.ts';
import type { ByteRange } from '../src/ranges/byte-range.ts';
import { Bans, type Offence } from '../src/select/bans.ts';
import { PeerCredits } from '../src/select/credits.ts';
import { LIAR_BAN_MS, SUSPECT_BAN_MS, UNPROVEN_BYTES_MAX } from '../src/select/limits.ts';
import { Disputes } from '../src/swarm/disputes.ts';
import { peerOf } from './support/read-world.ts';
import { sampleBytes } from './support/sample-bytes.ts';
import { storeFixture } from './support/store-fixture.ts';

const MIB = 1 << 20;
const sample = sampleBytes(1, 32 * MIB);
const [home, one, other] = [peerOf(99), peerOf(1), peerOf(2)];
const CHUNK = { start: 0, end: MIB };
const FIRST_HALF = { start: 0, end: MIB / 2 };
const SECOND_HALF = { start: MIB / 2, end: MIB };

t.setTimeout(60_000);

type Sent = readonly [peer: PeerId, range: ByteRange, bytes: Buffer];

function right({ start, end }: ByteRange): Buffer {
  return Buffer.from(sample.bytes.subarray(start, end));
}

function wrong({ start, end }: ByteRange): Buffer {
  return Buffer.alloc(end - start, 0xee);
}

/** A swarm's disputes above a real store, with clocks and bans as a host has them. */
async function scene(t: TestScope, canWrite: () => boolean = () => true) {
  const clock = { nowMs: 0 };
  const credits = new PeerCredits();
  const offences: Offence[] = [];
  const bans = new Bans((offence, peer) => {
    offences.push(offence);
    if (offence === 'lied' || offence === 'suspect') credits.forget(peer);
  });
  const suspects = new Bans();
  let disputes: Disputes | undefined;
  const store = await storeFixture(t).open({}, { onHeld: (_, ranges) => disputes?.end(ranges) });
  const stored = await store.blob(sample.blobId, sample.bytes.length);
  t.teardown(() => stored.close());
  disputes = new Disputes({
    ...{ stored, bans, suspects, credits, nowMs: () => clock.nowMs },
    counts: { wrong: () => undefined },
    homes: () => [home],
  });
  const open = disputes;
  /** Resolves when the verdict has had its consequences in the store. */
  async function read(range: ByteRange, verdict: 'right' | 'wrong', ...sent: readonly Sent[]) {
    const judged = open.openRead(range);
    const uses = sent.map((each) => judged.add(...each));
    if (canWrite()) {
      judged.write();
      await Promise.all(uses);
    }
    judged.judge(range.start, range.end - range.start, verdict);
    if (verdict === 'right') await until('it is held', () => stored.isHeld(range));
  }
  const out = (peer: PeerId, afterMs = 0) => bans.isBanned(peer, clock.nowMs + afterMs);
  const isSuspect = (peer: PeerId) => suspects.isBanned(peer, clock.nowMs);
  return { clock, credits, bans, stored, offences, read, out, isSuspect, disputes: open };
}

t.test(
  'whose right bytes a crafted image calls wrong is acquitted, nowhere else suspected',
  async (t) => {
    for (const provenBytes of [0, 1024 * MIB]) {
      const { credits, read, out, isSuspect, offences } = await scene(t);
      if (provenBytes > 0) credits.openRead().right(one, provenBytes);
      const before = credits.roomBytes(one);
      await read(CHUNK, 'wrong', [one, CHUNK, right(CHUNK)]);
      t.ok(isSuspect(one), 'of this blob it is left out');
      t.notOk(out(one), 'of no other');
      t.equal(credits.isProven(one), provenBytes > 0, 'nothing is forgotten');
      await read(CHUNK, 'right', [home, CHUNK, right(CHUNK)]);
      await until('it is acquitted', () => !isSuspect(one));
      await until('and asked for as much as before', () => credits.roomBytes(one) === before);
      t.same(offences, [], 'no host is banned');
    }
  },
);

t.test(
  'whose bytes were others is out for an hour, and is asked for nothing until then',
  async (t) => {
    const { credits, read, out } = await scene(t);
    await read(CHUNK, 'wrong', [one, CHUNK, wrong(CHUNK)]);
    t.ok(credits.roomBytes(one) <= 0);
    await read(CHUNK, 'right', [home, CHUNK, right(CHUNK)]);
    await until('it is known', () => out(one));
    t.ok(out(one, LIAR_BAN_MS - 1));
  },
);

t.test('of several exactly who lied, whatever each gave before', async (t) => {
  const { clock, credits, read, out, isSuspect, offences } = await scene(t);
  credits.openRead().right(one, 1024 * MIB);
  await read(
    CHUNK,
    'wrong',
    [one, FIRST_HALF, wrong(FIRST_HALF)],
    [other, SECOND_HALF, right(SECOND_HALF)],
  );
  await read(CHUNK, 'right', [home, CHUNK, right(CHUNK)]);
  await until('the liar is out', () => out(one, LIAR_BAN_MS - 1));
  await until('the newcomer is not', () => !isSuspect(other) && !out(other));
  t.same(offences, ['lied']);
  clock.nowMs += 1;
  t.notOk(credits.isProven(one));
});

t.test('a home that has sent other bytes than others hold is found out as well', async (t) => {
  const { read, out, isSuspect } = await scene(t);
  await read(
    CHUNK,
    'wrong',
    [home, FIRST_HALF, wrong(FIRST_HALF)],
    [one, SECOND_HALF, right(SECOND_HALF)],
  );
  t.notOk(isSuspect(home), 'not where another can have lied');
  await read(CHUNK, 'right', [home, CHUNK, right(CHUNK)]);
  await until('it is', () => out(home) && !isSuspect(one));
  t.notOk(out(one));
});

t.test(
  'where the right bytes are of other ranges they are compared once all are held',
  async (t) => {
    const { read, out, isSuspect } = await scene(t);
    await read(CHUNK, 'wrong', [one, CHUNK, wrong(CHUNK)]);
    await read(FIRST_HALF, 'right', [home, FIRST_HALF, right(FIRST_HALF)]);
    t.ok(isSuspect(one));
    t.notOk(out(one));
    await read(SECOND_HALF, 'right', [home, SECOND_HALF, right(SECOND_HALF)]);
    await until('it is known', () => out(one));
  },
);

t.test('what was not kept is never more than a suspicion, which wears off proof', async (t) => {
  let canWrite = false;
  const { clock, credits, read, out, isSuspect } = await scene(t, () => canWrite);
  credits.openRead().right(one, 4 * MIB);
  await read(CHUNK, 'wrong', [one, CHUNK, wrong(CHUNK)]);
  canWrite = true;
  await read(CHUNK, 'right', [home, CHUNK, right(CHUNK)]);
  await until('doubted', () => credits.roomBytes(one) <= 2 * MIB);
  t.ok(isSuspect(one));
  t.notOk(out(one));
  clock.nowMs += SUSPECT_BAN_MS;
  t.notOk(isSuspect(one));
});

t.test('right bytes that come while wrong ones are looked at are kept', async (t) => {
  const { disputes, stored, out } = await scene(t);
  const first = disputes.openRead(CHUNK);
  void first.add(one, CHUNK, wrong(CHUNK));
  first.write();
  const second = disputes.openRead(CHUNK);
  first.judge(0, MIB, 'wrong');
  void second.add(home, CHUNK, right(CHUNK));
  second.write();
  second.judge(0, MIB, 'right');
  await until('they are held', () => stored.isHeld(CHUNK));
  t.same(await stored.read(0, MIB), right(CHUNK));
  await until('and the liar is known', () => out(one));
});

t.test('a liar behind much that it gave costs no newcomer anything', async (t) => {
  const { clock, credits, read, out, isSuspect } = await scene(t);
  credits.openRead().right(one, UNPROVEN_BYTES_MAX);
  let chunks = 0;
  for (; chunks < 20 && !out(one); chunks++) {
    clock.nowMs += 1000;
    const start = chunks * MIB;
    const [range, half] = [{ start, end: start + MIB }, start + MIB / 2];
    const [mine, theirs] = [
      { start, end: half },
      { start: half, end: start + MIB },
    ];
    const newcomer = peerOf(10 + chunks);
    await read(range, 'wrong', [one, mine, wrong(mine)], [newcomer, theirs, right(theirs)]);
    await read(range, 'right', [home, range, right(range)]);
    await until('the newcomer is acquitted', () => !isSuspect(newcomer));
    t.notOk(out(newcomer));
  }
  t.equal(chunks, 1, 'and it lies once');
});
