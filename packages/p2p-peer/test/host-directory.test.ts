import { parseBlobId } from '@shoal/oci';
import t from 'tap';
import { HostDirectory } from '../src/hosts/host-directory.ts';
import { UNREACHABLE_MS } from '../src/hosts/limits.ts';
import { type HostFacts, parseHostName } from '../src/identity/host.ts';
import { peerIdOf } from '../src/identity/peer-id.ts';

const blobId = parseBlobId('ab'.repeat(32));

function facts(name: string, role: HostFacts['role'] = 'peer'): HostFacts {
  return { host: parseHostName(name), role, zone: '', rack: '', address: `${name}:4010` };
}

function directory(seeds: readonly HostFacts[] = []) {
  const clock = { nowMs: 0 };
  const self = facts('self');
  return { clock, known: new HostDirectory({ self, seeds, nowMs: () => clock.nowMs }) };
}

const namesOf = (hosts: readonly HostFacts[]) => hosts.map(({ host }) => `${host}`).sort();

t.test('who is known: oneself, seeds, those listed, those met', async (t) => {
  const { known } = directory([facts('seed', 'seed')]);
  t.same(namesOf(known.live()), ['seed', 'self']);
  known.list([facts('a'), facts('b')]);
  known.meet(facts('c'));
  t.same(namesOf(known.live()), ['a', 'b', 'c', 'seed', 'self']);
  known.list([facts('a')]);
  t.same(namesOf(known.live()), ['a', 'c', 'seed', 'self'], 'no longer listed: gone');
  t.equal(known.facts(peerIdOf(parseHostName('a')))?.address, 'a:4010');
  t.equal(known.facts(peerIdOf(parseHostName('nobody'))), undefined);
});

t.test(
  'who cannot be reached is left out for a while, longer each time, until it is met',
  async (t) => {
    const { clock, known } = directory([facts('seed', 'seed')]);
    const isLive = () => namesOf(known.live()).includes('seed');
    known.miss(parseHostName('seed'));
    t.notOk(isLive());
    clock.nowMs += UNREACHABLE_MS;
    t.ok(isLive());
    known.miss(parseHostName('seed'));
    clock.nowMs += UNREACHABLE_MS;
    t.notOk(isLive(), 'twice as long');
    clock.nowMs += UNREACHABLE_MS;
    t.ok(isLive());
    known.miss(parseHostName('seed'));
    known.meet(facts('seed', 'seed'));
    t.ok(isLive());
  },
);

t.test('where nobody is reached the first who answers speaks for all', async (t) => {
  const { known } = directory([facts('s1', 'seed'), facts('s2', 'seed')]);
  known.meet(facts('a'));
  for (const name of ['s1', 's2']) known.miss(parseHostName(name));
  known.meet(facts('b'));
  t.same(namesOf(known.live()), ['a', 'b', 'self'], 'somebody was there: the others are gone');
  t.notOk(known.isCutOff);
  for (const name of ['a', 'b']) known.miss(parseHostName(name));
  t.ok(known.isCutOff);
  t.same(namesOf([...known.known().values()]), ['s1', 's2', 'self'], 'who is named stays known');
  known.meet(facts('a'));
  t.same(namesOf(known.live()), ['a', 's1', 's2', 'self']);
  t.notOk(known.isCutOff);
});

t.test('homes are seeds, and the next rank takes over at once', async (t) => {
  const seeds = ['s1', 's2', 's3', 's4'].map((name) => facts(name, 'seed'));
  const { known } = directory(seeds);
  known.list([facts('a'), facts('b')]);
  const [first, second] = known.homes(blobId, 7);
  t.equal(first?.role, 'seed');
  known.miss(parseHostName(`${first?.host}`));
  t.equal(known.homes(blobId, 7)[0]?.host, second?.host);
});

t.test('without seeds every host is a home, oneself too', async (t) => {
  const { known } = directory();
  known.list([facts('a'), facts('b')]);
  const homes = Array.from({ length: 100 }, (_, extent) => known.homes(blobId, extent)[0]?.host);
  t.same([...new Set(homes)].sort(), ['a', 'b', 'self']);
});
