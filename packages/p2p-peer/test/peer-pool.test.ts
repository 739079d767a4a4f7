/** Who is handed out: near ones, whole ones, never oneself, never an island. */
import fc from 'fast-check';
import t from 'tap';
import { IndexedMap } from '../src/tracker/server/indexed-map.ts';
import { PeerPool, type PoolPeer } from '../src/tracker/server/peer-pool.ts';
import { randomOf } from './support/random.ts';

function peer(key: string, zone: string, rack: string, isComplete = false): PoolPeer {
  return { key, zone, rack, isComplete };
}

/** Peers of 4 zones with 10 racks of 20 each; every fifth is complete. */
function bigPool(): PeerPool<PoolPeer> {
  const pool = new PeerPool<PoolPeer>();
  for (let number = 0; number < 800; number += 1) {
    const place = Math.floor(number / 20);
    const zone = `z${Math.floor(place / 10)}`;
    pool.add(peer(`h${number}`, zone, `${zone}r${place % 10}`, number % 5 === 0));
  }
  return pool;
}

t.test('half from the rack, a third from the zone, the rest from elsewhere', async (t) => {
  const asker = peer('asker', 'z1', 'z1r3');
  const picked = bigPool().pick(asker, 50, randomOf(1));
  t.equal(picked.length, 50);
  t.equal(new Set(picked).size, 50, 'nobody twice');
  const inRack = picked.filter(({ rack }) => rack === 'z1r3');
  const inZone = picked.filter(({ zone, rack }) => zone === 'z1' && rack !== 'z1r3');
  const elsewhere = picked.filter(({ zone }) => zone !== 'z1');
  t.equal(inRack.length, 20, 'the rack has no more');
  t.ok(inZone.length >= 16 && elsewhere.length >= 9, `${inZone.length} and ${elsewhere.length}`);
  t.equal(inRack.filter(({ isComplete }) => isComplete).length, 4, 'all whole ones of the rack');
  t.ok(
    elsewhere.slice(0, 9).every(({ isComplete }) => isComplete),
    'whole ones first',
  );
  t.equal(new Set(elsewhere.map(({ zone }) => zone)).size, 3, 'of every other zone');
  t.ok(new Set(inZone.map(({ rack }) => rack)).size >= 9, 'of every other rack');
});

t.test('at least two elsewhere although the own zone has plenty', async (t) => {
  for (let seed = 0; seed < 50; seed += 1) {
    const picked = bigPool().pick(peer('asker', 'z0', 'z0r0'), 12, randomOf(seed));
    t.ok(picked.filter(({ zone }) => zone !== 'z0').length >= 2);
  }
});

t.test('chance spreads the load', async (t) => {
  const counts = new Map<string, number>();
  const pool = bigPool();
  const random = randomOf(7);
  for (let round = 0; round < 2000; round += 1) {
    for (const { key } of pool.pick(peer('asker', 'z9', ''), 10, random)) {
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  // Whole ones come first: 160 of them for 20,000 places.
  const most = Math.max(...counts.values());
  t.ok(most < 400, `the busiest was picked ${most} times, 125 would be even`);
  t.equal(counts.size, 160);
});

t.test('who has everything is told of those who have not', async (t) => {
  const picked = bigPool().pick(peer('h0', 'z0', 'z0r0', true), 10, randomOf(3));
  t.ok(picked.every(({ isComplete }) => !isComplete));
});

t.test(
  'any pool: as many as there are, nobody twice, never the asker, deleted ones never',
  async (t) => {
    const place = fc.constantFrom('', 'a', 'b', 'c');
    const peers = fc.uniqueArray(
      fc.record({
        key: fc.stringMatching(/^[a-f]{1,2}$/),
        zone: place,
        rack: place,
        isComplete: fc.boolean(),
      }),
      { selector: ({ key }) => key, maxLength: 40 },
    );
    fc.assert(
      fc.property(peers, fc.nat(60), fc.nat(), fc.nat(20), (all, count, seed, deleted) => {
        const pool = new PeerPool<PoolPeer>();
        for (const one of all) pool.add(one);
        for (const one of all.slice(0, deleted)) pool.delete(one);
        const left: readonly PoolPeer[] = all.slice(deleted);
        const asker: PoolPeer = left[0] ?? peer('asker', 'a', 'a');
        const picked = pool.pick(asker, count, randomOf(seed));
        const others = left.filter(({ key }) => key !== asker.key);
        return (
          picked.length === Math.min(count, others.length) &&
          new Set(picked).size === picked.length &&
          picked.every((one) => others.includes(one))
        );
      }),
      { numRuns: 300 },
    );
    t.pass('holds');
  },
);

t.test('an indexed map is a map, and visits every value once', async (t) => {
  const change = fc.record({ key: fc.nat(12), value: fc.option(fc.nat(), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(change), fc.nat(), (changes, seed) => {
      const map = new IndexedMap<number, number>();
      const model = new Map<number, number>();
      for (const { key, value } of changes) {
        if (value === undefined) {
          map.delete(key);
          model.delete(key);
        } else {
          map.set(key, value);
          model.set(key, value);
        }
      }
      const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b).join();
      return (
        map.size === model.size &&
        [...model].every(([key, value]) => map.get(key) === value) &&
        sorted(map.shuffled(randomOf(seed))) === sorted(model.values())
      );
    }),
    { numRuns: 300 },
  );
  t.pass('holds');
});
