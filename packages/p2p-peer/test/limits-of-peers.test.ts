/** Buckets, bans, upload slots and the lottery: what keeps a host from taking or giving too much. */
import fc from 'fast-check';
import t from 'tap';
import { Bans } from '../src/select/bans.ts';
import {
  HOME_BAN_MS_MAX,
  LIAR_BAN_MS,
  LYING_HOME_BAN_MS_MAX,
  SLOW_BAN_MS,
  SLOW_BAN_MS_MAX,
} from '../src/select/limits.ts';
import { OriginLottery } from '../src/select/origin-lottery.ts';
import { TokenBucket } from '../src/select/token-bucket.ts';
import { type Upload, UploadSlots } from '../src/select/upload-slots.ts';
import { randomOf } from './support/random.ts';
import { peerOf } from './support/read-world.ts';

const MIB = 1 << 20;
const BLOCK = 128 << 10;

t.test('a bucket gives its rate in the long run, and its burst at once', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.record({ amount: fc.nat(2000), pauseMs: fc.nat(500) })), (takes) => {
      const bucket = new TokenBucket({ perSecond: 1000, burst: 500 });
      let nowMs = 0;
      let taken = 0;
      let last = 0;
      for (const { amount, pauseMs } of takes) {
        nowMs += pauseMs;
        const waitMs = bucket.waitMs(amount, nowMs);
        // Sums of milliseconds are rounded.
        nowMs += waitMs + 0.001;
        if (bucket.waitMs(amount, nowMs) > 0) return false;
        bucket.take(amount, nowMs);
        taken += amount;
        last = amount;
      }
      return taken <= 500 + last + (nowMs / 1000) * 1001;
    }),
  );
  const free = new TokenBucket({ perSecond: Number.POSITIVE_INFINITY });
  t.equal(free.waitMs(1e12, 0), 0);
});

t.test('who takes without asking leaves the others to wait', async (t) => {
  const bucket = new TokenBucket({ perSecond: 1000 });
  bucket.take(1000, 0);
  t.equal(bucket.waitMs(500, 0), 500);
  bucket.take(1000, 0);
  t.equal(bucket.waitMs(500, 0), 1500);
  t.equal(bucket.waitMs(-500, 0), 500, 'until no more than that is owed');
});

t.test('a slow peer is banned longer each time, one that answers is forgiven', async (t) => {
  const bans = new Bans();
  const peer = peerOf(1);
  let nowMs = 0;
  const periods: number[] = [];
  for (let time = 0; time < 6; time++) {
    bans.slow(peer, nowMs);
    bans.slow(peer, nowMs + 1);
    const startedAtMs = nowMs;
    while (bans.isBanned(peer, nowMs)) nowMs += 1000;
    periods.push(nowMs - startedAtMs);
  }
  t.same(
    periods,
    [5, 10, 20, 40, 60, 60].map((seconds) => seconds * 1000),
  );
  t.equal(periods.at(-1), SLOW_BAN_MS_MAX);
  bans.answered(peer, nowMs);
  bans.slow(peer, nowMs);
  t.notOk(bans.isBanned(peer, nowMs + SLOW_BAN_MS));
});

t.test('a liar is out for an hour, a home never for long', async (t) => {
  const bans = new Bans();
  bans.liar(peerOf(1), 0);
  bans.answered(peerOf(1), 10);
  t.ok(bans.isBanned(peerOf(1), LIAR_BAN_MS - 1));
  t.notOk(bans.isBanned(peerOf(1), LIAR_BAN_MS));
  t.ok(bans.isBanned(peerOf(1), LYING_HOME_BAN_MS_MAX - 1, true));
  t.notOk(bans.isBanned(peerOf(1), LYING_HOME_BAN_MS_MAX, true));
  bans.slow(peerOf(3), 0);
  t.ok(bans.isBanned(peerOf(3), HOME_BAN_MS_MAX - 1, true));
  t.notOk(bans.isBanned(peerOf(3), HOME_BAN_MS_MAX, true));
  bans.slow(peerOf(3), SLOW_BAN_MS);
  t.ok(
    bans.isBanned(peerOf(3), 2 * SLOW_BAN_MS - 1, true),
    'longer when it has not answered since',
  );
  bans.slow(peerOf(4), 0, 'late');
  t.ok(bans.isBanned(peerOf(4), 0));
  t.notOk(bans.isBanned(peerOf(4), 0, true), 'a home that is late lives');
  t.notOk(bans.isBanned(peerOf(2), 0));
  for (let number = 0; number < 10_000; number++) bans.liar(peerOf(number), 0);
  t.ok(bans.count <= 4096, 'bans are bounded');
});

const upload = (
  number: number,
  priority: Upload['priority'] = 'demand',
  piece = number,
): Upload => ({ peer: peerOf(number), piece, bytes: BLOCK, priority });

t.test('uploads are refused above the horizon, per wire and overall', async (t) => {
  const slots = new UploadSlots({ bytesMax: MIB, wireBytesMax: MIB / 2 });
  for (let block = 0; block < 4; block++) {
    t.ok(slots.hasRoom(upload(1), 0));
    slots.admit(upload(1), 0);
  }
  t.notOk(slots.hasRoom(upload(1), 0), 'its wire is full');
  for (let number = 2; number < 6; number++) {
    t.ok(slots.hasRoom(upload(number), 0));
    slots.admit(upload(number), 0);
  }
  t.notOk(slots.hasRoom(upload(9), 0), 'the host is full');
  slots.sent(upload(1), 1);
  t.ok(slots.hasRoom(upload(9), 0));
  t.notOk(slots.hasRoom(upload(9, 'prefetch'), 0), 'the last of it is for readers');
});

t.test('whoever was promised a block of a piece is promised the others too', async (t) => {
  const slots = new UploadSlots({ bytesMax: MIB / 4 });
  for (const number of [1, 2]) slots.admit(upload(number), 0);
  t.notOk(slots.hasRoom(upload(3), 0));
  t.ok(slots.hasRoom(upload(1), 0), 'beyond the horizon');
  t.notOk(slots.hasRoom(upload(1, 'demand', 7), 0), 'but no other piece');
  slots.sent(upload(1), 100);
  t.ok(slots.hasRoom(upload(3), 0));
  slots.admit(upload(3), 0);
  t.notOk(slots.hasRoom(upload(1), 0), 'until all of it is sent');
});

t.test('what was promised is so until it is sent, or nobody wants it', async (t) => {
  const slots = new UploadSlots();
  const all = [upload(1, 'background'), upload(2, 'prefetch'), upload(4)];
  for (const each of all) slots.admit(each, 0);
  t.equal(slots.bytes, 3 * BLOCK);
  slots.dropped(upload(2, 'prefetch'));
  t.equal(slots.bytes, 2 * BLOCK);
  for (const number of [1, 4]) slots.sent(upload(number), 1);
  t.equal(slots.bytes, 0);
});

t.test('a slow link promises less', async (t) => {
  const slots = new UploadSlots({ horizonMs: 200 });
  const slow = upload(1);
  slots.admit(slow, 0);
  slots.sent(slow, 100);
  for (let block = 0; block < 2; block++) {
    t.ok(slots.hasRoom(upload(block), 0));
    slots.admit(upload(block), 0);
  }
  t.notOk(slots.hasRoom(upload(9), 0), 'two blocks of 100 ms are 200 ms');
});

t.test('of N hosts about one wins at once, twice as many after each step', async (t) => {
  const random = randomOf(5);
  const draw = (knownPeers: number) =>
    new OriginLottery({
      startedAtMs: 0,
      knownPeers,
      draw: random(),
      stepMs: 200,
      deadlineMs: 3000,
    });
  const tries = 200;
  const hosts = 500;
  const winners = [0, 200, 400, 800].map(() => 0);
  for (let attempt = 0; attempt < tries; attempt++) {
    const draws = Array.from({ length: hosts }, () => draw(hosts));
    for (const [index, atMs] of [0, 200, 400, 800].entries()) {
      const won = draws.filter((each) => each.mayGo(atMs)).length;
      winners[index] = (winners[index] ?? 0) + won / tries;
    }
    if (draws.some((each) => !each.mayGo(3000))) t.fail('after the deadline everybody may go');
  }
  for (const [index, expected] of [1, 2, 4, 16].entries()) {
    const mean = winners[index] ?? 0;
    t.ok(mean > expected * 0.6 && mean < expected * 1.5, `${mean} of ${expected}`);
  }
  t.ok(draw(0).mayGo(0), 'who knows nobody goes at once');
  t.ok(draw(1).mayGo(0));
});
