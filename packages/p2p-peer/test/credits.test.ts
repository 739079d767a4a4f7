/** How much is asked of peers whose bytes nobody has judged yet. */
import fc from 'fast-check';
import t from 'tap';
import { PeerCredits } from '../src/select/credits.ts';
import { CREDITS_MAX, UNPROVEN_BYTES_MAX } from '../src/select/limits.ts';
import { peerOf } from './support/read-world.ts';

const BLOCK = 128 << 10;

t.test('a chunk at first, over all reads; more when some of it was right', async (t) => {
  const credits = new PeerCredits();
  const peer = peerOf(1);
  const [one, other] = [credits.openRead(), credits.openRead()];
  one.asked(peer, UNPROVEN_BYTES_MAX - BLOCK);
  other.asked(peer, BLOCK);
  t.equal(credits.roomBytes(peer), 0);
  t.equal(credits.roomBytes(peerOf(2)), UNPROVEN_BYTES_MAX, 'each has its own');
  other.unanswered(peer, BLOCK);
  t.equal(credits.roomBytes(peer), BLOCK, 'what it refuses is asked of it again');
  one.right(peer, UNPROVEN_BYTES_MAX - BLOCK);
  one.close();
  one.close();
  t.equal(credits.roomBytes(peer), UNPROVEN_BYTES_MAX + 2 * (UNPROVEN_BYTES_MAX - BLOCK));
  credits.forget(peer);
  t.equal(credits.roomBytes(peer), UNPROVEN_BYTES_MAX, 'one that has lied begins anew');
});

t.test('doubt takes half of what was proven, and what is doubted', async (t) => {
  const credits = new PeerCredits();
  const peer = peerOf(1);
  credits.openRead().right(peer, 8 * UNPROVEN_BYTES_MAX);
  credits.doubt(peer, UNPROVEN_BYTES_MAX);
  t.equal(credits.roomBytes(peer), 7 * UNPROVEN_BYTES_MAX, 'three are left, twice, and one');
  credits.doubt(peer, UNPROVEN_BYTES_MAX);
  t.notOk(credits.isProven(peer));
  credits.doubt(peer, UNPROVEN_BYTES_MAX);
  t.equal(credits.roomBytes(peer), UNPROVEN_BYTES_MAX, 'never less than a new one');
  credits.doubt(peerOf(2), UNPROVEN_BYTES_MAX);
  t.equal(credits.count, 1, 'of whom nothing is known nothing is remembered');
});

t.test('one that gives right bytes is soon asked for all', async (t) => {
  const credits = new PeerCredits();
  const peer = peerOf(1);
  let reads = 0;
  for (; credits.roomBytes(peer) < 64 << 20; reads++) {
    const read = credits.openRead();
    const bytes = credits.roomBytes(peer);
    read.asked(peer, bytes);
    read.right(peer, bytes);
    read.close();
  }
  t.ok(reads <= 6, `${reads} reads in a row`);
});

t.test('whatever happens, nothing stays open when all reads are closed', async (t) => {
  const events = fc.array(fc.tuple(fc.nat(2), fc.nat(3), fc.constantFrom('ask', 'no', 'close')));
  fc.assert(
    fc.property(events, (list) => {
      const credits = new PeerCredits();
      const reads = [0, 1, 2].map(() => credits.openRead());
      for (const [index, number, what] of list) {
        const read = reads[index];
        if (what === 'ask') read?.asked(peerOf(number), BLOCK);
        else if (what === 'no') read?.unanswered(peerOf(number), BLOCK);
        else read?.close();
      }
      for (const read of reads) read.close();
      return [0, 1, 2, 3].every((n) => credits.roomBytes(peerOf(n)) === UNPROVEN_BYTES_MAX);
    }),
  );
  t.pass('in any order');
});

t.test('peers that are remembered are bounded', async (t) => {
  const credits = new PeerCredits();
  const read = credits.openRead();
  for (let number = 0; number < 2 * CREDITS_MAX; number++) read.asked(peerOf(number), BLOCK);
  t.equal(credits.count, CREDITS_MAX);
  read.close();
  t.ok(credits.count <= CREDITS_MAX);
});
