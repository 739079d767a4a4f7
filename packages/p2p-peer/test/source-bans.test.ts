/** Standard clients that are no sources for a while, by where they come from: with a clock of the test's own. */
import t from 'tap';
import { newPeerId } from '../src/identity/peer-id.ts';
import { PLAIN_SOURCES_REMEMBERED_MAX } from '../src/plain/limits.ts';
import { SourceBans } from '../src/plain/source-bans.ts';
import { LIAR_BAN_MS } from '../src/select/limits.ts';
import { addressGroupOf } from '../src/wire/address-group.ts';

const HERE = addressGroupOf('2001:db8::1');
const THERE = addressGroupOf('192.0.2.7');

function makeScene() {
  const clock = { nowMs: 1000 };
  return { clock, bans: new SourceBans(() => clock.nowMs) };
}

t.test('a liar is none by another id either, from any address of its network', (t) => {
  const { clock, bans } = makeScene();
  const liar = newPeerId();
  t.ok(bans.admit(liar, HERE));
  t.ok(bans.banLiar(liar));
  t.notOk(bans.admit(newPeerId(), addressGroupOf('2001:db8::2')));
  t.ok(bans.admit(newPeerId(), THERE), 'others are');
  clock.nowMs += LIAR_BAN_MS - 1;
  t.ok(bans.isBanned(HERE), 'for an hour');
  clock.nowMs += 1;
  t.ok(bans.admit(newPeerId(), HERE));
  t.end();
});

t.test('of one who has never been a source nothing is known', (t) => {
  const { bans } = makeScene();
  bans.admit(newPeerId(), HERE);
  t.notOk(bans.banLiar(newPeerId()));
  t.notOk(bans.isBanned(HERE));
  t.end();
});

t.test('nobody lies at the cost of another one by having its id', (t) => {
  const { bans } = makeScene();
  const honest = newPeerId();
  t.ok(bans.admit(honest, HERE));
  t.notOk(bans.admit(honest, THERE));
  t.ok(bans.admit(honest, HERE));
  t.end();
});

t.test('what is remembered is bounded', (t) => {
  const { bans } = makeScene();
  const [oldest, liar] = [newPeerId(), newPeerId()];
  bans.admit(oldest, HERE);
  bans.admit(liar, THERE);
  for (let count = 1; count < PLAIN_SOURCES_REMEMBERED_MAX; count++) bans.admit(newPeerId(), HERE);
  t.notOk(bans.banLiar(oldest), 'the oldest is forgotten');
  t.ok(bans.banLiar(liar));
  t.end();
});
