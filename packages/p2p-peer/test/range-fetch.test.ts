/** Bytes of an origin that count as they come: once each, the first that came, and none afterwards. */
import t from 'tap';
import { PeerCounts } from '../src/peer-counts.ts';
import type { ByteRange } from '../src/ranges/byte-range.ts';
import type { SwarmView } from '../src/select/read-action.ts';
import { RangeFetch } from '../src/swarm/range-fetch.ts';
import type { OriginReadOptions } from '../src/swarm/range-fetch-input.ts';

const RANGE = { start: 1000, end: 2000 };
const ALONE: SwarmView = {
  holders: () => [],
  homes: () => ['self'],
  heardAtMs: () => Number.NEGATIVE_INFINITY,
  pauseMs: () => 0,
  knownPeers: 0,
};

type Told = { readonly part: ByteRange; readonly first: number | undefined };

/** A home's read; the origin does what the test says. */
function fetchOf(
  readOrigin: (range: ByteRange, options: OriginReadOptions) => Promise<Buffer>,
  options: { readonly memory?: Buffer | undefined; readonly signal?: AbortSignal } = {},
) {
  const memory = 'memory' in options ? options.memory : Buffer.alloc(1000);
  const { signal = new AbortController().signal } = options;
  const told: Told[] = [];
  const fetch = new RangeFetch(
    RANGE,
    {
      ...{ view: ALONE, policy: { asksHomes: false }, memory, readOrigin },
      ask: () => Promise.reject(new Error('nobody is there')),
      failureOf: () => ({ kind: 'lost' }),
      onBytes: (_, part, bytes) => {
        told.push({ part, first: bytes[0] });
        return undefined;
      },
      onGivenUp: () => undefined,
      counts: new PeerCounts(),
      nowMs: () => performance.now(),
    },
    { signal, priority: () => 'demand' },
  );
  return { fetch, memory, told };
}

t.test('told twice, by servers that do not agree: what came first stays', async (t) => {
  const { fetch, memory, told } = fetchOf(async (_, { onBytes }) => {
    onBytes?.(1000, Buffer.alloc(300, 1));
    onBytes?.(1000, Buffer.alloc(500, 2));
    return Buffer.alloc(1000, 3);
  });
  const expected = Buffer.concat([
    Buffer.alloc(300, 1),
    Buffer.alloc(200, 2),
    Buffer.alloc(500, 3),
  ]);
  t.same(await fetch.run(), expected);
  t.same(memory, expected);
  t.same(told, [
    { part: { start: 1000, end: 1300 }, first: 1 },
    { part: { start: 1300, end: 1500 }, first: 2 },
    { part: { start: 1500, end: 2000 }, first: 3 },
  ]);
});

t.test("what lies beside the range, or comes too late, is nobody's", async (t) => {
  const leaving = new AbortController();
  const begun = Promise.withResolvers<OriginReadOptions>();
  const { fetch, memory, told } = fetchOf(
    (_, options) => {
      begun.resolve(options);
      return new Promise(() => undefined);
    },
    { signal: leaving.signal },
  );
  const running = fetch.run();
  const { onBytes } = await begun.promise;
  onBytes?.(900, Buffer.alloc(200, 1));
  onBytes?.(1900, Buffer.alloc(200, 1));
  onBytes?.(500, Buffer.alloc(100, 1));
  t.same(
    told.map(({ part }) => part),
    [
      { start: 1000, end: 1100 },
      { start: 1900, end: 2000 },
    ],
  );
  leaving.abort(new Error('bye'));
  await t.rejects(running, { message: 'bye' });
  onBytes?.(1500, Buffer.alloc(100, 1));
  t.equal(told.length, 2);
  t.equal(memory?.[500], 0, 'and changes nothing');
});

t.test('an origin that fails midway: what was told stays told', async (t) => {
  const { fetch, memory, told } = fetchOf(async (_, { onBytes }) => {
    onBytes?.(1000, Buffer.alloc(300, 1));
    throw new Error('broken');
  });
  await t.rejects(fetch.run(), { message: 'broken' });
  t.same(told, [{ part: { start: 1000, end: 1300 }, first: 1 }]);
  t.equal(memory?.[299], 1);
});

t.test('who gives no memory is told when a read has ended', async (t) => {
  const begun = Promise.withResolvers<OriginReadOptions>();
  const { fetch, told } = fetchOf(
    async (_, options) => {
      begun.resolve(options);
      return Buffer.alloc(1000, 3);
    },
    { memory: undefined },
  );
  t.same(await fetch.run(), Buffer.alloc(1000, 3));
  t.equal((await begun.promise).onBytes, undefined);
  t.same(told, [{ part: RANGE, first: 3 }]);
});
