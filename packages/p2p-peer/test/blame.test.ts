/** Who is left out when several have sent what turned out wrong. */
import t from 'tap';
import type { PeerId } from '../src/identity/peer-id.ts';
import { UNPROVEN_BYTES_MAX } from '../src/limits.ts';
import { Bans } from '../src/select/bans.ts';
import { PeerCredits } from '../src/select/credits.ts';
import { blame, suspect } from '../src/swarm/blame.ts';
import type { SentParts } from '../src/swarm/senders.ts';
import { peerOf } from './support/read-world.ts';

const [honest, fresh, other, home] = [peerOf(1), peerOf(2), peerOf(3), peerOf(4)];
const WHILE_MS = 61_000;

/** The same bytes of each: only how many counts here. */
function sentBy(...peers: readonly PeerId[]): SentParts {
  return new Map(peers.map((peer) => [peer, [{ start: 0, end: 1000 }]]));
}

function scene() {
  const judges = { bans: new Bans(), credits: new PeerCredits() };
  judges.credits.openRead().right(honest, UNPROVEN_BYTES_MAX);
  const banned = (nowMs = 1) =>
    [honest, fresh, other, home].filter((peer) => judges.bans.isBanned(peer, nowMs));
  return { judges, banned };
}

t.test('not who has given right bytes where another can have lied, nor a home', async (t) => {
  const { judges, banned } = scene();
  suspect(judges, sentBy(honest, fresh, other, home), [home], 0);
  t.same(banned(), [fresh, other]);
  blame(judges, sentBy(honest, fresh, home), [home], 0);
  t.same(banned(WHILE_MS), [], 'of several nobody is out for long');
});

t.test('who alone has sent it is out for long, whatever he gave before', async (t) => {
  const { judges, banned } = scene();
  blame(judges, sentBy(honest, home), [home], 0);
  t.same(banned(WHILE_MS), [honest]);
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
    for (; judges.credits.isProven(honest); wrongs++) blame(judges, sentBy(honest, fresh), [], 0);
    t.ok(wrongs <= 7, `${wrongs} times`);
    t.same(banned(), [fresh]);
    blame(judges, sentBy(honest, other), [], 0);
    t.same(banned(), [honest, fresh, other], 'it is left out as others are');
  },
);
