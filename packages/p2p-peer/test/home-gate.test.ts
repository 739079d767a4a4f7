/** What a home reads for others at once, of all blobs: bounded, and nobody is forgotten. */
import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { HOME_BYTES_TOGETHER_MAX, HOME_READS_TOGETHER_MAX } from '../src/limits.ts';
import { HomeGate } from '../src/swarm/home-gate.ts';

const { signal } = new AbortController();
const SMALL = { bytes: 1000, priority: 'demand', signal } as const;

/** Reads that end when a test says so. */
function openReads(gate: HomeGate) {
  const running: { readonly end: () => void; readonly fail: (error: Error) => void }[] = [];
  const start = (read: Parameters<HomeGate['run']>[0], uses = Promise.resolve()) =>
    gate.run(
      read,
      () => new Promise<void>((resolve, reject) => running.push({ end: resolve, fail: reject })),
      () => uses,
    );
  return { running, start };
}

t.test(
  'so many reads, so many bytes; the next one goes when one has ended or failed',
  async (t) => {
    const { running, start } = openReads(new HomeGate());
    const reads = Array.from({ length: HOME_READS_TOGETHER_MAX + 3 }, () => start(SMALL));
    const settled = Promise.allSettled(reads);
    await turn();
    t.equal(running.length, HOME_READS_TOGETHER_MAX);
    running[0]?.end();
    running[1]?.fail(new Error('the origin is down'));
    await t.rejects(reads[1] ?? Promise.resolve(), { message: 'the origin is down' });
    await turn();
    t.equal(running.length, HOME_READS_TOGETHER_MAX + 2);
    for (const { end } of running) end();
    await turn();
    for (const { end } of running) end();
    await settled;

    const large = openReads(new HomeGate());
    const both = [1, 2].map(() => large.start({ ...SMALL, bytes: HOME_BYTES_TOGETHER_MAX }));
    await turn();
    t.equal(large.running.length, 1, 'all the bytes there may be');
    large.running[0]?.end();
    await both[0];
    await turn();
    t.equal(large.running.length, 2);
    large.running[1]?.end();
    await both[1];
  },
);

t.test(
  'a place is free when the bytes are not used any more; who leaves waits no longer',
  async (t) => {
    const gate = new HomeGate();
    const { running, start } = openReads(gate);
    const all = { ...SMALL, bytes: HOME_BYTES_TOGETHER_MAX };
    const { promise: uses, resolve: used } = Promise.withResolvers<void>();
    const first = start(all, uses);
    await turn();
    running[0]?.end();
    await first;
    const leaving = new AbortController();
    const gone = start({ ...all, signal: leaving.signal });
    const next = start(all);
    await turn();
    t.equal(running.length, 1, 'they are written still');
    leaving.abort(new Error('not any more'));
    await t.rejects(gone, { message: 'not any more' });
    used();
    await turn();
    t.equal(running.length, 2);
    running[1]?.end();
    await next;
    await t.rejects(start({ ...SMALL, signal: AbortSignal.abort(new Error('over')) }), {
      message: 'over',
    });
  },
);
