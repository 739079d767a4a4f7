/** Who is left out when several have sent what turned out wrong, and it is not known who lied, or is. */
import t from 'tap';
import type { PeerId } from '../src/identity/peer-id.ts';
import { Bans } from '../src/select/bans.ts';
import { PeerCredits } from '../src/select/credits.ts';
import { LIAR_BAN_MS, UNPROVEN_BYTES_MAX } from '../src/select/limits.ts';
import { doubt, suspect } from '../src/swarm/blame.ts';
import type { SentParts } from '../src/swarm/senders.ts';
import { accuse } from '../src/swarm/wrong-piece.ts';
import { peerOf } from './support/read-world.ts';

const [honest, fresh, other, home] = [peerOf(1), peerOf(2), peerOf(3), peerOf(4)];
const WHILE_MS = 61_000;
const PART_BYTES = 1000;

/** One behind the other. */
function sentBy(...peers: readonly PeerId[]): SentParts {
  const partOf = (index: number) => ({ start: index * PART_BYTES, end: (index + 1) * PART_BYTES });
  return new Map(peers.map((peer, index) => [peer, [partOf(index)]]));
}

function scene() {
  const judges = { bans: new Bans(), credits: new PeerCredits() };
  judges.credits.openRead().right(honest, UNPROVEN_BYTES_MAX);
  const banned = (nowMs = 1) =>
    [honest, fresh, other, home].filter((peer) => judges.bans.isBanned(peer, nowMs));
  return { judges, banned };
}

/** A piece that the peers have sent; those that lie other bytes than the right ones, which are zeros. */
function pieceScene(senders: readonly PeerId[], ...liars: readonly PeerId[]) {
  const { judges, banned } = scene();
  const suspects = new Bans();
  const sent = sentBy(...senders);
  const range = { start: 0, end: senders.length * PART_BYTES };
  const bytes = Buffer.alloc(range.end);
  for (const peer of liars) {
    // The last byte: all of it is compared.
    const [part] = sent.get(peer) ?? [];
    if (part !== undefined) bytes[part.end - 1] = 1;
  }
  const tell = accuse(
    { ...judges, suspects, homes: [home], nowMs: () => 0 },
    { range, sent, bytes },
  );
  const suspected = () => senders.filter((peer) => suspects.isBanned(peer, 1));
  return { ...judges, banned, suspected, tell, right: Buffer.alloc(range.end) };
}

t.test('not who has given right bytes where another can have lied, nor a home', async (t) => {
  const { judges, banned } = scene();
  suspect(judges, sentBy(honest, fresh, other, home), [home], 0);
  t.same(banned(), [fresh, other]);
  doubt(judges, sentBy(honest, fresh, home), [home], 0);
  t.same(banned(WHILE_MS), [], 'of several nobody is out for long');
});

t.test('where all have given right bytes all are out for a while', async (t) => {
  const { judges, banned } = scene();
  judges.credits.openRead().right(fresh, UNPROVEN_BYTES_MAX);
  suspect(judges, sentBy(honest, fresh), [], 0);
  t.same(banned(), [honest, fresh]);
});

t.test(
  'what one has given wears off when it takes part in wrong bytes again and again',
  async (t) => {
    const { judges, banned } = scene();
    judges.credits.openRead().right(honest, 64 * UNPROVEN_BYTES_MAX);
    let wrongs = 0;
    for (; judges.credits.isProven(honest); wrongs++) doubt(judges, sentBy(honest, fresh), [], 0);
    t.ok(wrongs <= 7, `${wrongs} times`);
    t.same(banned(), [fresh]);
    doubt(judges, sentBy(honest, other), [], 0);
    t.same(banned(), [honest, fresh, other], 'it is left out as others are');
  },
);

t.test('of a piece exactly who lied is out for long, whatever he gave before', async (t) => {
  const { banned, suspected, tell, right, credits } = pieceScene([honest, fresh, home], honest);
  t.same(suspected(), [fresh], 'until it is known it may be the newcomer');
  t.ok(credits.roomBytes(fresh) <= 0);
  tell(right);
  t.same(banned(LIAR_BAN_MS - 1), [honest]);
  t.same(suspected(), []);
  t.equal(credits.roomBytes(fresh), UNPROVEN_BYTES_MAX);
});

t.test('a home that tells the hash of another piece makes nobody a liar', async (t) => {
  const { banned, suspected, tell, right } = pieceScene([fresh]);
  t.same(suspected(), [fresh]);
  tell(right);
  t.same([banned(), suspected()], [[], []]);
});

t.test(
  'where no right piece can be had one sender alone is out for long, of several none',
  async (t) => {
    const alone = pieceScene([honest, home], honest);
    alone.tell(undefined);
    t.same(alone.banned(WHILE_MS), [honest]);
    const several = pieceScene([fresh, other], fresh);
    several.tell(undefined);
    t.same(several.suspected(), [fresh, other]);
    t.same(several.banned(), []);
  },
);
