/** Neighbours: most are near, some elsewhere, and those that are of no use are replaced. */
import t from 'tap';
import { type HostFacts, parseHostName } from '../src/index.ts';
import { type Neighbour, NeighbourPolicy } from '../src/select/neighbour-policy.ts';
import { randomOf } from './support/random.ts';

function hostAt(zone: string, rack: string, number: number): HostFacts {
  const host = parseHostName(`${zone}-${rack}-${number}`);
  return { host, role: 'peer', zone, rack, address: '192.0.2.1:1' };
}

const many = (zone: string, rack: string, count: number) =>
  Array.from({ length: count }, (_, number) => hostAt(zone, rack, number));
const self = hostAt('a', '1', 1000);
const policyOf = (seed: number) => new NeighbourPolicy(self, { random: randomOf(seed) });

function connect(hosts: readonly HostFacts[], usefulAtMs = 0): Neighbour[] {
  return hosts.map((facts) => ({ facts, connectedAtMs: 0, usefulAtMs }));
}

const count = (hosts: readonly HostFacts[], zone: string, rack?: string) =>
  hosts.filter((facts) => facts.zone === zone && (rack === undefined || facts.rack === rack))
    .length;

t.test('half of the rack, a third of the zone, the rest elsewhere', async (t) => {
  const known = [self, ...many('a', '1', 40), ...many('a', '2', 40), ...many('b', '1', 40)];
  const { dial, drop } = policyOf(1).plan(known, [], 0);
  t.equal(dial.length, 20);
  t.equal(count(dial, 'a', '1'), 10);
  t.equal(count(dial, 'a', '2'), 7);
  t.equal(count(dial, 'b'), 3);
  t.notOk(dial.includes(self));
  t.equal(new Set(dial).size, dial.length);
  t.same(drop, []);
});

t.test('classes that are small are made up for by others', async (t) => {
  const known = [...many('a', '1', 2), ...many('a', '2', 3), ...many('b', '1', 40)];
  const { dial } = policyOf(2).plan(known, [], 0);
  t.equal(dial.length, 20);
  t.equal(count(dial, 'a'), 5);
  const alone = policyOf(3).plan(many('a', '1', 3), [], 0);
  t.equal(alone.dial.length, 3, 'all there are');
});

t.test('a full set is left alone, but two are always elsewhere', async (t) => {
  const near = connect(many('a', '1', 20));
  t.same(policyOf(4).plan(many('a', '2', 9), near, 1000), { dial: [], drop: [] });
  const { dial } = policyOf(5).plan([...many('a', '2', 9), ...many('b', '1', 9)], near, 1000);
  t.equal(dial.length, 2);
  t.equal(count(dial, 'b'), 2);
});

t.test('lost ones are replaced, useless ones a few at a time, and only for others', async (t) => {
  const lost = policyOf(6).plan(many('a', '1', 30), connect(many('a', '1', 15)), 1000);
  t.equal(lost.dial.length, 5);
  const idle = [...connect(many('a', '1', 10), 0), ...connect(many('a', '2', 10), 55_000)];
  const known = [...idle.map(({ facts }) => facts), ...many('b', '1', 10)];
  const plan = policyOf(7).plan(known, idle, 60_000);
  t.equal(plan.drop.length, 2);
  t.ok(plan.drop.every((host) => host.startsWith('a-1-')));
  t.equal(plan.dial.length, 2);
  t.same(policyOf(8).plan([], idle, 60_000).drop, [], 'nobody to take their place');
  t.ok(policyOf(9).accepts(29));
  t.notOk(policyOf(9).accepts(30));
});
