import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import type { ByteRange } from '../src/ranges/byte-range.ts';
import type { FlightCall, FlightEnd } from '../src/swarm/flight.ts';
import { SharedReads } from '../src/swarm/shared-reads.ts';

const blob = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
const part = ({ start, end }: ByteRange) => Buffer.from(blob.subarray(start, end));
const demand = { priority: 'demand' } as const;

type Read = {
  readonly range: ByteRange;
  readonly signal: AbortSignal;
  readonly priority: () => string;
  /** Some of it has come. */
  readonly bring: (part: ByteRange, sources?: Iterable<string>) => void;
  readonly answer: (kept?: Promise<unknown>) => void;
  readonly fail: (error: Error) => void;
};

function fill(range: ByteRange, own: ByteRange, { memory }: FlightCall): void {
  part(own).copy(memory, own.start - range.start);
}

/** Reads that are answered when the test says so. */
function scripted(bytesMax = 400, goOnUntil?: AbortSignal) {
  const reads: Read[] = [];
  const shared = new SharedReads({
    bytesMax,
    ...(goOnUntil === undefined ? {} : { goOnUntil }),
    read: (range, call) => {
      const { signal, priority } = call;
      const { promise, resolve, reject } = Promise.withResolvers<FlightEnd>();
      signal.addEventListener('abort', () => reject(signal.reason));
      reads.push({
        ...{ range, signal, priority },
        bring: (own, sources) => {
          fill(range, own, call);
          call.onHere(own, sources);
        },
        answer: (kept) => {
          fill(range, range, call);
          resolve(kept === undefined ? {} : { kept });
        },
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

/** In an order that is not theirs. */
function startsOf({ start, end }: ByteRange, step: number): number[] {
  const starts = Array.from(
    { length: Math.ceil((end - start) / step) },
    (_, i) => start + i * step,
  );
  return starts.sort((a, b) => (a % 7) - (b % 7));
}

t.test('any ranges in any order: right bytes, each byte on its way once', async (t) => {
  const range = fc
    .tuple(fc.nat(999), fc.integer({ min: 1, max: 300 }))
    .map(([start, length]) => ({ start, end: Math.min(1000, start + length) }));
  const property = fc.asyncProperty(fc.array(fc.array(range, { maxLength: 5 })), async (turns) => {
    const flying = new Uint8Array(1000);
    const shared = new SharedReads({
      bytesMax: 64,
      read: async (own, call) => {
        for (let at = own.start; at < own.end; at++) {
          if (flying[at] === 1) throw new Error(`byte ${at} is on its way twice`);
          flying[at] = 1;
        }
        for (const start of startsOf(own, 20)) {
          if (start % 3 === 0) await nextTurn();
          const brought = { start, end: Math.min(start + 20, own.end) };
          fill(own, brought, call);
          call.onHere(brought);
        }
        flying.fill(0, own.start, own.end);
        return {};
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

const ofBlock = (start: number) => ({ start, end: start + 100 });

/** Whether it has been answered by the next turn. */
async function isSettled(read: Promise<unknown>): Promise<boolean> {
  const settled = read.then(
    () => true,
    () => true,
  );
  return await Promise.race([settled, nextTurn().then(() => false)]);
}

t.test('a block is given as soon as it has come, be the rest on its way', async (t) => {
  const { shared, reads } = scripted();
  const names: string[] = [];
  const onSources = (sources: ReadonlySet<string>) => names.push(...sources);
  const first = shared.read(ofBlock(0), { ...demand, onSources });
  const others = [100, 200].map((start) => shared.read(ofBlock(start), demand));
  await nextTurn();
  reads[0]?.bring({ start: 0, end: 60 }, ['a']);
  t.notOk(await isSettled(first), 'not all of it');
  reads[0]?.bring({ start: 60, end: 130 }, ['b']);
  t.same(await first, part(ofBlock(0)));
  t.same(names, ['a', 'b']);
  t.notOk(await isSettled(Promise.race(others)));
  t.same(await shared.read({ start: 30, end: 120 }, demand), part({ start: 30, end: 120 }));
  t.equal(reads.length, 1, 'whoever comes then has it of the same read');
  reads[0]?.answer();
  t.same(await Promise.all(others), [part(ofBlock(100)), part(ofBlock(200))]);
});

t.test('a range of two reads is given when its part of both has come', async (t) => {
  const { shared, reads } = scripted();
  const both = shared.read({ start: 350, end: 450 }, demand);
  const rest = shared.read({ start: 0, end: 800 }, demand);
  await nextTurn();
  reads[1]?.bring({ start: 400, end: 500 });
  t.notOk(await isSettled(both));
  reads[0]?.bring({ start: 300, end: 400 });
  t.same(await both, part({ start: 350, end: 450 }));
  for (const { answer } of reads) answer();
  t.same(await rest, part({ start: 0, end: 800 }));
});

t.test('a read that fails midway: what has come was given, the rest fails', async (t) => {
  const { shared, reads } = scripted();
  const [first, second] = [0, 100].map((start) => shared.read(ofBlock(start), demand));
  await nextTurn();
  reads[0]?.bring({ start: 0, end: 150 });
  t.same(await first, part(ofBlock(0)));
  reads[0]?.fail(new Error('broken'));
  await t.rejects(Promise.resolve(second), { message: 'broken' });
  const again = shared.read(ofBlock(100), demand);
  await nextTurn();
  t.same(reads[1]?.range, ofBlock(100), 'and is asked for again');
  reads[1]?.answer();
  t.same(await again, part(ofBlock(100)));
});

t.test('who has his bytes keeps no read alive, and ends none that has brought all', async (t) => {
  const { shared, reads } = scripted();
  const leaving = new AbortController();
  const first = shared.read(ofBlock(0), { priority: 'background' });
  const second = shared.read(ofBlock(100), { ...demand, signal: leaving.signal });
  await nextTurn();
  reads[0]?.bring(ofBlock(0));
  await first;
  t.equal(reads[0]?.signal.aborted, false, 'the other one waits');
  leaving.abort(new Error('bye'));
  await t.rejects(second, { message: 'bye' });
  t.equal(reads[0]?.signal.aborted, true, 'nobody waits for the rest');
  const last = shared.read(ofBlock(200), demand);
  await nextTurn();
  reads[1]?.bring(ofBlock(200));
  t.same(await last, part(ofBlock(200)));
  t.equal(reads[1]?.signal.aborted, false, 'it may end in its own way');
  t.equal(shared.count, 1);
  reads[1]?.answer();
  await nextTurn();
  t.equal(shared.count, 0);
});
