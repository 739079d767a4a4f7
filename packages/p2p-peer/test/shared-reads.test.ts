import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import type { ByteRange } from '../src/ranges/byte-range.ts';
import { type ReadBytes, SharedReads } from '../src/swarm/shared-reads.ts';

const blob = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const part = ({ start, end }: ByteRange) => Buffer.from(blob.subarray(start, end));
const demand = { priority: 'demand' } as const;

type Read = {
  readonly range: ByteRange;
  readonly signal: AbortSignal;
  readonly priority: () => string;
  readonly answer: (kept?: Promise<unknown>) => void;
  readonly fail: (error: Error) => void;
};

/** Reads that are answered when the test says so. */
function scripted(bytesMax = 400, goOnUntil?: AbortSignal) {
  const reads: Read[] = [];
  const shared = new SharedReads({
    bytesMax,
    ...(goOnUntil === undefined ? {} : { goOnUntil }),
    read: (range, { signal, priority }) => {
      const { promise, resolve, reject } = Promise.withResolvers<ReadBytes>();
      signal.addEventListener('abort', () => reject(signal.reason));
      reads.push({
        ...{ range, signal, priority },
        answer: (kept) => resolve({ bytes: part(range), ...(kept === undefined ? {} : { kept }) }),
        fail: reject,
      });
      return promise;
    },
  });
  return { shared, reads };
}

t.test(
  'blocks asked for together are one read; what is on its way is not asked for again',
  async (t) => {
    const { shared, reads } = scripted();
    const blocks = [0, 100, 200].map((start) => shared.read({ start, end: start + 100 }, demand));
    await nextTurn();
    t.same(
      reads.map(({ range }) => range),
      [{ start: 0, end: 300 }],
    );
    const later = shared.read({ start: 250, end: 350 }, { priority: 'prefetch' });
    await nextTurn();
    t.same(reads[1]?.range, { start: 300, end: 350 });
    for (const { answer } of reads) answer();
    t.same(
      await Promise.all(blocks),
      [0, 100, 200].map((start) => part({ start, end: start + 100 })),
    );
    t.same(await later, part({ start: 250, end: 350 }));
    t.equal(shared.count, 0);
  },
);

t.test('a long range is several reads, none longer than the maximum', async (t) => {
  const { shared, reads } = scripted();
  const whole = shared.read({ start: 0, end: 1000 }, demand);
  await nextTurn();
  t.same(
    reads.map(({ range }) => range.end - range.start),
    [400, 400, 200],
  );
  for (const { answer } of reads.toReversed()) answer();
  t.same(await whole, blob);
});

t.test('a caller who leaves harms nobody; the last one ends the read', async (t) => {
  const { shared, reads } = scripted();
  const first = new AbortController();
  const second = new AbortController();
  const a = shared.read({ start: 0, end: 50 }, { ...demand, signal: first.signal });
  const b = shared.read({ start: 0, end: 50 }, { priority: 'background', signal: second.signal });
  await nextTurn();
  t.equal(reads[0]?.priority(), 'demand');
  first.abort();
  await t.rejects(a, { name: 'AbortError' });
  t.equal(reads[0]?.signal.aborted, false);
  t.equal(reads[0]?.priority(), 'background');
  second.abort();
  await t.rejects(b, { name: 'AbortError' });
  t.equal(reads[0]?.signal.aborted, true);
  const again = shared.read({ start: 0, end: 50 }, demand);
  await nextTurn();
  t.equal(reads.length, 2, 'one that was given up is not joined');
  reads[1]?.answer();
  t.same(await again, part({ start: 0, end: 50 }));
});

t.test('a read that fails fails for those who wait for it, and is asked for again', async (t) => {
  const { shared, reads } = scripted();
  const a = shared.read({ start: 0, end: 500 }, demand);
  const b = shared.read({ start: 450, end: 500 }, demand);
  await nextTurn();
  reads[0]?.fail(new Error('no'));
  reads[1]?.answer();
  await t.rejects(a, { message: 'no' });
  t.same(await b, part({ start: 450, end: 500 }), 'the other half was right');
  const again = shared.read({ start: 0, end: 10 }, demand);
  await nextTurn();
  reads[2]?.answer();
  t.same(await again, part({ start: 0, end: 10 }));
});

t.test('bytes are given from here until they are kept elsewhere', async (t) => {
  const { shared, reads } = scripted();
  const first = shared.read({ start: 0, end: 50 }, demand);
  await nextTurn();
  const kept = Promise.withResolvers<void>();
  reads[0]?.answer(kept.promise);
  t.same(await first, part({ start: 0, end: 50 }));
  t.same(await shared.read({ start: 10, end: 20 }, demand), part({ start: 10, end: 20 }));
  t.equal(reads.length, 1);
  kept.resolve();
  await nextTurn();
  t.equal(shared.count, 0);
});

t.test('any ranges in any order: right bytes, each byte on its way once', async (t) => {
  const range = fc
    .tuple(fc.nat(999), fc.integer({ min: 1, max: 300 }))
    .map(([start, length]) => ({ start, end: Math.min(1000, start + length) }));
  const property = fc.asyncProperty(fc.array(fc.array(range, { maxLength: 5 })), async (turns) => {
    const flying = new Uint8Array(1000);
    const shared = new SharedReads({
      bytesMax: 64,
      read: async (own) => {
        for (let at = own.start; at < own.end; at++) {
          if (flying[at] === 1) throw new Error(`byte ${at} is on its way twice`);
          flying[at] = 1;
        }
        await nextTurn();
        flying.fill(0, own.start, own.end);
        return { bytes: part(own) };
      },
    });
    const all: Promise<boolean>[] = [];
    for (const turn of turns) {
      for (const own of turn) {
        all.push(shared.read(own, demand).then((bytes) => bytes.equals(part(own))));
      }
      await nextTurn();
    }
    return (await Promise.all(all)).every(Boolean);
  });
  await fc.assert(property, { numRuns: 200 });
  t.pass('200 sequences');
});

t.test('a read of a home goes on when nobody waits for it, until the home is closed', async (t) => {
  const closing = new AbortController();
  const { shared, reads } = scripted(400, closing.signal);
  const leaving = new AbortController();
  const given = shared.read({ start: 0, end: 100 }, { ...demand, signal: leaving.signal });
  await nextTurn();
  leaving.abort(new Error('bye'));
  await t.rejects(given, { message: 'bye' });
  t.equal(reads[0]?.signal.aborted, false);
  t.equal(reads[0]?.priority(), 'background');
  const later = shared.read({ start: 0, end: 100 }, demand);
  await nextTurn();
  t.equal(reads.length, 1, 'whoever comes next has its bytes');
  reads[0]?.answer();
  t.same(await later, part({ start: 0, end: 100 }));
  const last = shared.read({ start: 200, end: 300 }, demand);
  await nextTurn();
  closing.abort(new Error('closed'));
  await t.rejects(last, { message: 'closed' });
});
