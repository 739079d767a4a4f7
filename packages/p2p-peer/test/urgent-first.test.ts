/** The order in which what waits has its turn: the most urgent first, and nobody for ever. */
import { PRIORITIES, type Priority } from '@shoal/blob-store';
import fc from 'fast-check';
import t from 'tap';
import { PIECE_BYTES } from '../src/limits.ts';
import { type UploadTurn, UploadTurns } from '../src/select/upload-turns.ts';
import { TURNS_OF_OLDEST, UrgentFirst } from '../src/select/urgent-first.ts';
import { peerOf } from './support/read-world.ts';

const BLOCK = 128 << 10;
const turnOf = (number: number, priority: Priority): UploadTurn => ({
  ...{ peer: peerOf(number), bytes: BLOCK, priority },
});

t.test('the most urgent first, of one kind the oldest', async (t) => {
  const queue = new UrgentFirst<{ readonly priority: Priority; readonly name: string }>();
  for (const priority of PRIORITIES.toReversed()) {
    queue.push({ priority, name: `${priority} 1` });
    queue.push({ priority, name: `${priority} 2` });
  }
  const order: string[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) order.push(next.name);
  t.same(
    order,
    PRIORITIES.flatMap((priority) => [`${priority} 1`, `${priority} 2`]),
  );
  t.equal(queue.size, 0);
});

t.test('each eighth turn is that of the oldest', async (t) => {
  const queue = new UrgentFirst<{ readonly priority: Priority }>();
  queue.push({ priority: 'background' });
  const order = Array.from({ length: TURNS_OF_OLDEST }, () => {
    queue.push({ priority: 'demand' });
    return queue.shift()?.priority;
  });
  t.same(order, [...Array.from({ length: TURNS_OF_OLDEST - 1 }, () => 'demand'), 'background']);
});

t.test('whatever comes and goes, each has one turn or leaves', async (t) => {
  const events = fc.array(fc.tuple(fc.nat(3), fc.constantFrom(...PRIORITIES), fc.nat(3)));
  fc.assert(
    fc.property(events, (list) => {
      const turns = new UploadTurns<UploadTurn>();
      const waiting = new Set<UploadTurn>();
      for (const [number, priority, what] of list) {
        const next = turns.peek();
        if ((next === undefined) !== (waiting.size === 0)) return false;
        if (next !== undefined && !waiting.has(next)) return false;
        const [some] = waiting;
        if (what === 0 && next !== undefined) {
          turns.take(next);
          waiting.delete(next);
        } else if (what === 1 && some !== undefined) {
          if (!turns.remove(some) || turns.remove(some)) return false;
          waiting.delete(some);
        } else {
          const item = turnOf(number, priority);
          turns.push(item);
          waiting.add(item);
        }
        if (turns.size !== waiting.size || [...turns].length !== waiting.size) return false;
      }
      return true;
    }),
  );
  t.pass('in any order');
});

t.test('demand of one host goes before what another has queued', async (t) => {
  const turns = new UploadTurns<UploadTurn>();
  for (let block = 0; block < 128; block++) turns.push(turnOf(1, 'background'));
  const urgent = turnOf(2, 'demand');
  t.equal(turns.bytesBefore(urgent), 0);
  t.equal(turns.bytesBefore(turnOf(3, 'background')), BLOCK, 'with whom it would take turns');
  turns.push(urgent);
  t.equal(turns.peek(), urgent);
  turns.take(urgent);
  const own = turnOf(1, 'demand');
  turns.push(own);
  t.equal(turns.peek(), own, 'and before what it has queued itself');
});

/** All always want more; how many blocks of so many each got. */
function share(kinds: readonly Priority[], blocks: number): readonly number[] {
  const turns = new UploadTurns<UploadTurn & { readonly number: number }>();
  const got = kinds.map(() => 0);
  const want = (number: number) => {
    turns.push({ ...turnOf(number, kinds[number] ?? 'demand'), number });
  };
  for (const number of kinds.keys()) for (let count = 0; count < 16; count++) want(number);
  for (let block = 0; block < blocks; block++) {
    const next = turns.peek();
    if (next === undefined) break;
    turns.take(next);
    got[next.number] = (got[next.number] ?? 0) + 1;
    want(next.number);
  }
  return got;
}

t.test('one that calls everything demand has its share, and a piece', async (t) => {
  const [flooder = 0, ...others] = share(
    ['demand', 'background', 'background', 'prefetch', 'preheat'],
    1000,
  );
  t.ok(flooder <= 200 + PIECE_BYTES / BLOCK, `${flooder} of 1000`);
  for (const got of others) t.ok(got >= 190, `${got} of 1000`);
});

t.test('a hundred hosts with demand leave something to the others', async (t) => {
  const kinds: Priority[] = Array.from({ length: 100 }, () => 'demand');
  const got = share([...kinds, 'background'], 800);
  t.ok((got.at(-1) ?? 0) > 0, `${got.at(-1)} blocks`);
});
