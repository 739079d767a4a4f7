/** What a home reads for others at once, of all blobs: bounded, and nobody is forgotten. */
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { Priority } from '@shoal/blob-store';
import t from 'tap';
import { type GatedRead, HomeGate } from '../src/swarm/home-gate.ts';
import {
  HOME_BYTES_TOGETHER_MAX,
  HOME_OVERTAKEN_MS_MAX,
  HOME_READS_TOGETHER_MAX,
} from '../src/swarm/limits.ts';

const { signal } = new AbortController();
const SMALL: GatedRead = { bytes: 1000, priority: () => 'demand', signal };

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

/** A gate with one read in it that takes all bytes; the names of those that have begun after it. */
async function fullGate() {
  const gate = new HomeGate();
  const full = Promise.withResolvers<void>();
  const begun: string[] = [];
  const first = gate.run(
    { ...SMALL, bytes: HOME_BYTES_TOGETHER_MAX },
    () => full.promise,
    () => Promise.resolve(),
  );
  const start = (name: string, read: Partial<GatedRead>) =>
    gate.run(
      { ...SMALL, bytes: HOME_BYTES_TOGETHER_MAX, ...read },
      async () => begun.push(name),
      () => Promise.resolve(),
    );
  await turn();
  const open = async () => {
    full.resolve();
    await first;
  };
  return { begun, start, open };
}

t.test('the most urgent first; one that somebody more urgent joins moves up', async (t) => {
  const { begun, start, open } = await fullGate();
  let priority: Priority = 'background';
  let raised: () => void = () => undefined;
  const onRaised = (listener: () => void) => {
    raised = listener;
  };
  const all = [
    start('joined', { priority: () => priority, onRaised }),
    start('background', { priority: () => 'background' }),
    start('prefetch', { priority: () => 'prefetch' }),
    start('demand', {}),
  ];
  priority = 'preheat';
  raised();
  await open();
  await Promise.all(all);
  t.same(begun, ['demand', 'joined', 'prefetch', 'background']);
});

t.test('who was overtaken for long is overtaken no more, here and where it is read', async (t) => {
  const gate = new HomeGate();
  const told: Priority[] = [];
  const { promise: full, resolve: open } = Promise.withResolvers<void>();
  const start = (priority: Priority, until = Promise.resolve()) =>
    gate.run(
      { ...SMALL, bytes: HOME_BYTES_TOGETHER_MAX, priority: () => priority },
      async (urgency) => {
        told.push(urgency());
        await until;
        told.push(urgency());
      },
      () => Promise.resolve(),
    );
  const first = start('preheat', full);
  const lazy = start('background');
  await sleep(HOME_OVERTAKEN_MS_MAX + 100);
  const urgent = start('prefetch');
  open();
  await Promise.all([first, lazy, urgent]);
  t.same(told, ['preheat', 'demand', 'demand', 'demand', 'prefetch', 'prefetch']);
});
