/** Homes of extents: everybody agrees, the load is even, and only the extents of a lost host move. */
import t from 'tap';
import { type HostFacts, type HostRole, parseHostName } from '../src/index.ts';
import { homesOf } from '../src/select/homes-of.ts';
import { blobIdOf } from './support/sample-bytes.ts';

const blob = (number: number) => blobIdOf(`blob ${number}`);

function host(number: number, role: HostRole = 'peer', zone = 'a'): HostFacts {
  return {
    host: parseHostName(`node-${number}.example`),
    role,
    zone,
    rack: '',
    address: `192.0.2.1:${number}`,
  };
}

const names = (hosts: readonly HostFacts[]) => hosts.map((facts) => facts.host);
const hosts = (count: number) => Array.from({ length: count }, (_, number) => host(number));
const HERE = { zone: 'a' };

t.test('seeds of the own zone come first, peers last', async (t) => {
  const seeds = [host(1, 'seed', 'a'), host(2, 'seed', 'b')];
  const peers = [host(3, 'peer', 'a'), host(4, 'peer', 'b')];
  const homes = (all: readonly HostFacts[], zone: string) =>
    names(homesOf(blob(1), 0, all, { zone }));
  t.same(homes([...peers, ...seeds], 'a'), ['node-1.example']);
  t.same(homes([...peers, ...seeds], 'b'), ['node-2.example']);
  t.same(homes([...peers, ...seeds], 'c').toSorted(), ['node-1.example', 'node-2.example']);
  t.same(homes(peers, 'b'), ['node-4.example']);
  t.same(homes(peers, 'c').length, 2);
  t.same(homes([], 'a'), []);
});

t.test('the order of the list does not matter, and ranks follow each other', async (t) => {
  const all = hosts(40);
  for (let extent = 0; extent < 50; extent++) {
    const homes = names(homesOf(blob(7), extent, all, HERE));
    t.equal(homes.length, 3);
    t.equal(new Set(homes).size, 3);
    t.same(names(homesOf(blob(7), extent, all.toReversed(), HERE)), homes);
    t.same(names(homesOf(blob(7), extent, all, HERE, 2)), homes.slice(0, 2));
  }
});

t.test(
  'each host is home of about as many extents, over blobs and over extents of one',
  async (t) => {
    const all = hosts(50);
    const tries = 20_000;
    const expected = tries / all.length;
    // 20,000 draws over 50 hosts: a deviation of six standard errors is one in 10 ** 9.
    const bound = 6 * Math.sqrt(expected);
    const isEven = (key: (number: number) => [number, number], rank: number) => {
      const counts = new Map(all.map((facts) => [facts.host, 0]));
      for (let number = 0; number < tries; number++) {
        const [blobNumber, extent] = key(number);
        const home = homesOf(blob(blobNumber), extent, all, HERE)[rank]?.host;
        if (home !== undefined) counts.set(home, (counts.get(home) ?? 0) + 1);
      }
      return [...counts.values()].every((count) => Math.abs(count - expected) < bound);
    };
    t.ok(
      isEven((number) => [number, 0], 0),
      'first extents of many blobs',
    );
    t.ok(
      isEven((number) => [1, number], 0),
      'many extents of one blob',
    );
    t.ok(
      isEven((number) => [1, number], 1),
      'second ranks',
    );
  },
);

t.test('a host that goes takes only its extents along; one that comes, its share', async (t) => {
  const all = hosts(30);
  const gone = all[11];
  const left = all.filter((facts) => facts !== gone);
  let moved = 0;
  for (let extent = 0; extent < 3000; extent++) {
    const [before, next] = homesOf(blob(3), extent, all, HERE);
    const [after] = homesOf(blob(3), extent, left, HERE);
    if (before === gone) {
      moved += 1;
      if (after !== next) t.fail(`extent ${extent}: the second rank takes over`);
    } else if (after !== before) t.fail(`extent ${extent} moved without need`);
  }
  t.ok(moved > 40 && moved < 180, `${moved} of 3000 moved, 100 expected`);
});
