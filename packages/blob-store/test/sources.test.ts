import t from 'tap';
import {
  exactSource,
  type Priority,
  rateLimitedSource,
  retryingSource,
  sharedSource,
} from '../src/index.ts';
import { sampleBlob } from './support/sample-blob.ts';
import { FaultError, hang, ScriptedSource, until } from './support/scripted-source.ts';

const blob = sampleBlob({ sizes: [5000, 9000, 300_000] });
const key = { blobId: blob.blobId, sizeBytes: blob.stored.length };
const instantly = { random: () => 0, sleep: async () => {} };

t.test('an exact source holds its source to its word', async (t) => {
  const scripted = new ScriptedSource([blob]);
  const source = exactSource(scripted);
  t.ok((await source.read(key, 3, 7)).equals(blob.stored.subarray(3, 10)));
  t.equal((await source.read(key, 0, 0)).length, 0);
  scripted.script = (_, bytes) => bytes.subarray(1);
  await t.rejects(source.read(key, 0, 10), { code: 'ERR_BLOB_STORE_SOURCE_LENGTH' });
  scripted.script = (_, bytes) => Buffer.concat([bytes, bytes]);
  await t.rejects(source.read(key, 0, 10), { code: 'ERR_BLOB_STORE_SOURCE_LENGTH' });
  const reads = scripted.reads.length;
  const wrong: [number, number][] = [
    [-1, 2],
    [0, -1],
    [0, blob.stored.length + 1],
    [blob.stored.length, 1],
    [0.5, 1],
    [2 ** 53, 1],
  ];
  for (const [offset, length] of wrong) {
    await t.rejects(source.read(key, offset, length), { code: 'ERR_BLOB_STORE_RANGE' });
  }
  t.equal(scripted.reads.length, reads, 'impossible ranges are not asked for');
});

t.test('a retrying source tries again what may heal', async (t) => {
  const scripted = new ScriptedSource([blob]);
  const source = retryingSource(scripted, { attempts: 3 }, instantly);
  scripted.script = ({ number }) => {
    if (number < 2) throw new FaultError('reset', { retryable: true });
    return undefined;
  };
  t.ok((await source.read(key, 0, 10)).equals(blob.stored.subarray(0, 10)));
  t.equal(scripted.reads.length, 3);
  scripted.script = () => {
    throw new FaultError('reset', { retryable: true });
  };
  await t.rejects(source.read(key, 0, 10), { message: 'reset' });
  t.equal(scripted.reads.length, 6, 'not for ever');
  scripted.script = () => {
    throw new FaultError('not found');
  };
  await t.rejects(source.read(key, 0, 10), { message: 'not found' });
  t.equal(scripted.reads.length, 7, 'not when it cannot heal');
});

t.test('a retrying source gives up a try that takes too long, and with its caller', async (t) => {
  const scripted = new ScriptedSource([blob]);
  const source = retryingSource(scripted, { attempts: 2, attemptTimeoutMs: 20 }, instantly);
  scripted.script = () => new Promise(() => {});
  await t.rejects(source.read(key, 0, 10), { code: 'ERR_BLOB_STORE_SOURCE_TIMEOUT' });
  t.equal(scripted.reads.length, 2);
  const patient = retryingSource(scripted, {}, instantly);
  const controller = new AbortController();
  const read = patient.read(key, 0, 10, { signal: controller.signal });
  await until(() => scripted.reads.length === 3);
  controller.abort(new Error('enough'));
  await t.rejects(read, { message: 'enough' });
  await t.rejects(patient.read(key, 0, 10, { signal: controller.signal }), { message: 'enough' });
});

t.test('equal reads share one; a caller that gives up leaves the others alone', async (t) => {
  const scripted = new ScriptedSource([blob]);
  const source = sharedSource(scripted);
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let seen: AbortSignal | undefined;
  scripted.script = async (_, bytes, signal) => {
    seen = signal;
    await gate;
    return bytes;
  };
  const controllers = [new AbortController(), new AbortController()];
  const given = controllers.map(({ signal }) => source.read(key, 0, 100, { signal }));
  const kept = source.read(key, 0, 100);
  for (const controller of controllers) controller.abort(new Error('bye'));
  for (const read of given) await t.rejects(read, { message: 'bye' });
  t.equal(seen?.aborted, false);
  open();
  t.ok((await kept).equals(blob.stored.subarray(0, 100)));
  t.equal(scripted.reads.length, 1);
  const both = await Promise.all([source.read(key, 0, 9000), source.read(key, 0, 9000)]);
  both[0].fill(0);
  t.ok(both[1].equals(blob.stored.subarray(0, 9000)), 'each has bytes of his own');
  scripted.script = (_r, _b, signal) => {
    seen = signal;
    return hang(signal);
  };
  const last = new AbortController();
  const read = source.read(key, 0, 100, { signal: last.signal });
  await until(() => scripted.reads.length === 3);
  last.abort(new Error('bye'));
  await t.rejects(read, { message: 'bye' });
  t.equal(seen?.aborted, true, 'the read ends with its last caller');
  scripted.script = () => undefined;
  t.equal((await source.read(key, 0, 100)).length, 100, 'a later caller starts anew');
});

t.test('a failure reaches those who wait, not those who come later', async (t) => {
  const scripted = new ScriptedSource([blob]);
  const source = sharedSource(scripted);
  scripted.script = ({ number }) => {
    if (number === 0) throw new FaultError('once');
    return undefined;
  };
  const [first, second] = [source.read(key, 0, 10), source.read(key, 0, 10)];
  await t.rejects(first, { message: 'once' });
  await t.rejects(second, { message: 'once' });
  t.equal((await source.read(key, 0, 10)).length, 10);
  await source.close();
  await source.close();
  t.ok(scripted.isClosed);
  await t.rejects(source.read(key, 0, 10), { code: 'ERR_BLOB_STORE_CLOSED' });
});

t.test('priorities, bounds on reads and bytes', async (t) => {
  const scripted = new ScriptedSource([blob]);
  const source = sharedSource(scripted, { readsMax: 3, demandReserved: 1, bytesMax: 1000 });
  const releases: (() => void)[] = [];
  scripted.script = async (_, bytes) => {
    await new Promise<void>((resolve) => releases.push(resolve));
    return bytes;
  };
  const read = (offset: number, length: number, priority: Priority) =>
    source.read(key, offset, length, { priority });
  const all = [
    read(0, 300, 'background'),
    read(1, 300, 'prefetch'),
    read(2, 300, 'background'),
    read(3, 300, 'prefetch'),
    read(4, 300, 'demand'),
    read(5, 300, 'demand'),
  ];
  const raised = read(2, 300, 'demand');
  const started = () => scripted.reads.map(({ offset }) => offset);
  await until(() => scripted.reads.length === 3);
  t.same(started(), [0, 1, 4], 'one place is kept for demand');
  const next = async (count: number) => {
    releases.shift()?.();
    await until(() => scripted.reads.length === count);
  };
  await next(4);
  await next(5);
  releases.shift()?.();
  await next(6);
  t.same(started(), [0, 1, 4, 5, 2, 3], 'the raised read goes before prefetch');
  t.equal(scripted.reads[4]?.priority, 'demand');
  for (const release of releases.splice(0)) release();
  await Promise.all([...all, raised]);
  const large = read(0, 5000, 'background');
  await until(() => releases.length === 1);
  const waiting = read(6, 900, 'demand');
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(scripted.reads.length, 7, 'what is larger than the bound goes alone');
  releases.shift()?.();
  await large;
  await until(() => releases.length === 1);
  releases.shift()?.();
  await waiting;
});

t.test('a bandwidth limit, in order of priority', async (t) => {
  let nowMs = 0;
  let timer: { atMs: number; run: () => void } | undefined;
  const clock = {
    nowMs: () => nowMs,
    schedule: (ms: number, run: () => void) => {
      timer = { atMs: nowMs + ms, run };
      return () => {
        timer = undefined;
      };
    },
  };
  const scripted = new ScriptedSource([blob]);
  const limit = { bytesPerSecond: 1000, burstBytes: 1000 };
  const source = rateLimitedSource(scripted, limit, clock);
  const finishedAt: Record<string, number> = {};
  const read = async (name: string, length: number, priority: Priority) => {
    await source.read(key, 0, length, { priority });
    finishedAt[name] = nowMs;
  };
  const controller = new AbortController();
  const all = [read('big', 4000, 'prefetch')];
  const given = source.read(key, 0, 9000, { signal: controller.signal, priority: 'demand' });
  all.push(read('late', 500, 'prefetch'), read('now', 100, 'demand'));
  controller.abort(new Error('bye'));
  await t.rejects(given, { message: 'bye' });
  while (timer !== undefined) {
    nowMs = timer.atMs;
    timer.run();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  t.equal(scripted.reads.length, 3);
  const { big = 0, late = 0, now = 0 } = finishedAt;
  t.ok(now < late, `demand at ${now} ms before prefetch at ${late} ms`);
  t.ok(late >= 3000, `${late} ms for the bytes before`);
  t.equal(big, 0);
  const stuck = [source.read(key, 0, 9000), source.read(key, 0, 9000)];
  await source.close();
  await t.rejects(Promise.all(stuck), { code: 'ERR_BLOB_STORE_CLOSED' });
  await t.rejects(source.read(key, 0, 1), { code: 'ERR_BLOB_STORE_CLOSED' });
});
