import t from 'tap';
import { type Priority, ReadGate } from '../src/index.ts';
import { exactSource } from '../src/source/exact-source.ts';
import { RateLimit } from '../src/source/rate-limit.ts';
import { sampleBlob } from './support/sample-blob.ts';
import { ScriptedSource } from './support/scripted-source.ts';

const blob = sampleBlob({ sizes: [5000, 9000, 300_000] });
const key = { blobId: blob.blobId, sizeBytes: blob.stored.length };

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

t.test('priorities, bounds on reads and bytes', async (t) => {
  const gate = new ReadGate({ readsMax: 3, demandReserved: 1, bytesMax: 1000 });
  const inside: string[] = [];
  const enter = (name: string, bytes: number, priority: Priority) => {
    const ticket = { priority, bytes, admit: () => inside.push(name) };
    gate.enter(ticket);
    return ticket;
  };
  const [background, prefetch, raised] = [
    enter('background', 300, 'background'),
    enter('prefetch', 300, 'prefetch'),
    enter('raised', 300, 'background'),
  ];
  const last = enter('last', 300, 'prefetch');
  const [demand, second] = [enter('demand', 300, 'demand'), enter('second', 300, 'demand')];
  gate.raise(raised, 'demand');
  t.same(inside, ['background', 'prefetch', 'demand'], 'one place is kept for demand');
  t.equal(gate.waiting, 3);
  for (const ticket of [background, prefetch, demand]) gate.leave(ticket);
  gate.leave(second);
  t.same(inside.slice(3), ['second', 'raised', 'last'], 'the raised one goes before prefetch');
  gate.leave(raised);
  const large = enter('large', 5000, 'demand');
  t.notOk(inside.includes('large'), 'what is larger than the bound waits until it is alone');
  const given = enter('given up', 10, 'demand');
  const small = enter('small', 10, 'background');
  t.ok(gate.cancel(given));
  t.notOk(gate.cancel(last), 'it was let in');
  t.notOk(inside.includes('small'), 'and nothing small overtakes it');
  gate.leave(last);
  t.equal(inside.at(-1), 'large');
  gate.leave(large);
  t.equal(inside.at(-1), 'small');
  gate.leave(small);
  t.notOk(inside.includes('given up'));
});

t.test('a limit of reads', async (t) => {
  let nowMs = 0;
  const timers: { readonly atMs: number; readonly run: () => void }[] = [];
  const clock = {
    nowMs: () => nowMs,
    schedule: (ms: number, run: () => void) => {
      const timer = { atMs: nowMs + ms, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  };
  const source = new RateLimit({ readsPerSecond: 20 }, clock).over(new ScriptedSource([blob]));
  const startedAtMs: number[] = [];
  const all = Array.from({ length: 25 }, async () => {
    await source.read(key, 0, 1000);
    startedAtMs.push(nowMs);
  });
  for (let turn = 0; turn < 100; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    const [timer] = timers;
    if (timer === undefined) continue;
    nowMs = timer.atMs;
    timers.shift();
    timer.run();
  }
  await Promise.all(all);
  t.equal(startedAtMs.filter((ms) => ms === 0).length, 5, 'a quarter of a second at once');
  t.ok((startedAtMs.at(-1) ?? 0) >= 950, 'then one in 50 ms');
  await source.close();
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
  const source = new RateLimit(limit, clock).over(scripted);
  const finishedAt: Record<string, number> = {};
  const read = async (name: string, length: number, priority: Priority) => {
    await source.read(key, 0, length, { priority });
    finishedAt[name] = nowMs;
  };
  const controller = new AbortController();
  const all = [read('big', 4000, 'prefetch')];
  const given = source.read(key, 0, 9000, { signal: controller.signal, priority: 'demand' });
  let joined: Priority = 'prefetch';
  const raised = async () => {
    await source.read(key, 0, 200, { priority: () => joined });
    finishedAt['raised'] = nowMs;
  };
  all.push(read('late', 500, 'prefetch'), raised(), read('now', 100, 'demand'));
  all.push(read('ordered', 100, 'preheat'));
  joined = 'demand';
  controller.abort(new Error('bye'));
  await t.rejects(given, { message: 'bye' });
  while (timer !== undefined) {
    nowMs = timer.atMs;
    timer.run();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  t.equal(scripted.reads.length, 5);
  const { ordered = 0, big = 0, late = 0, now = 0, raised: joining = 0 } = finishedAt;
  t.ok(now < late, `demand at ${now} ms before prefetch at ${late} ms`);
  t.ok(now <= ordered && ordered < late, `a preheat at ${ordered} ms`);
  t.ok(joining < late, `what demand joined at ${joining} ms`);
  t.ok(late >= 3000, `${late} ms for the bytes before`);
  t.equal(big, 0);
  const stuck = [source.read(key, 0, 9000), source.read(key, 0, 9000)];
  await source.close();
  await t.rejects(Promise.all(stuck), { code: 'ERR_BLOB_STORE_CLOSED' });
  await t.rejects(source.read(key, 0, 1), { code: 'ERR_BLOB_STORE_CLOSED' });
});
