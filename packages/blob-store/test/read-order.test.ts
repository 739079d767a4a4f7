/** In what order, and how many at once, the blobs of a cache are fetched. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { ReadGate } from '../src/index.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { sampleBlob } from './support/sample-blob.ts';
import { hang } from './support/scripted-source.ts';

const blob = sampleBlob({ sizes: [5000, 4096, 100_000] });

t.test('demand goes before prefetch, and raises what it joins', async (t) => {
  const sample = sampleBlob({ sizes: Array.from({ length: 40 }, () => 4096), compressor: 'none' });
  const fixture = await openCache(t);
  const { blob: cached, source } = await openSample(fixture, sample);
  const releases: (() => void)[] = [];
  source.script = async (_, bytes) => {
    await new Promise<void>((resolve) => releases.push(resolve));
    return bytes;
  };
  // Every second chunk, so that they do not merge.
  const prefetches = Array.from({ length: 16 }, (_, at) =>
    cached.ensure(at * 8192, 1, { priority: 'background' }),
  );
  await until('the queue is full', () => source.reads.length === 12);
  const demands = [cached.ensure(17 * 8192, 1), cached.ensure(15 * 8192, 1)];
  await until('two more are sent', () => source.reads.length === 14);
  t.same(
    source.reads.slice(12).map(({ offset, priority }) => [offset, priority]),
    [
      [17 * 8192, 'demand'],
      [15 * 8192, 'demand'],
    ],
  );
  source.script = () => undefined;
  for (const release of releases) release();
  await Promise.all([...prefetches, ...demands]);
});

t.test('caches that share a gate share its bounds', async (t) => {
  const gate = new ReadGate({ readsMax: 1 });
  const one = await openSample(await openCache(t, {}, { gate }), blob);
  const other = await openSample(await openCache(t, {}, { gate }), blob);
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  one.source.script = async (_, bytes) => {
    await held;
    return bytes;
  };
  const first = one.blob.ensure(0, 1);
  await until('it is asked for', () => one.source.reads.length === 1);
  const second = other.blob.ensure(0, 1);
  await until('the second waits', () => gate.waiting === 1);
  t.equal(other.source.reads.length, 0);
  release();
  await Promise.all([first, second]);
  t.equal(other.source.reads.length, 1);
});

t.test('a registry that is dead stops only its own readers', async (t) => {
  const sizes = Array.from({ length: 40 }, () => 4096);
  const [dead, sound] = [sampleBlob({ seed: 21, sizes }), sampleBlob({ seed: 22, sizes })];
  const gate = new ReadGate({ silentMs: 5 });
  const fixture = await openCache(t, {}, { gate });
  const stuck = await openSample(fixture, dead);
  stuck.source.script = (_r, _b, signal) => hang(signal);
  const controller = new AbortController();
  // Every second chunk, so that they do not merge.
  const waiting = Array.from({ length: 20 }, (_, at) =>
    stuck.blob.ensure(at * 8192, 1, { signal: controller.signal }),
  );
  const other = await openSample(fixture, sound);
  t.ok((await other.blob.read(0, 4096)).equals(sound.device.subarray(0, 4096)));
  t.equal(stuck.source.reads.length, 20);
  const background = await openSample(fixture, sampleBlob({ seed: 23, sizes }));
  background.source.script = (_r, _b, signal) => hang(signal);
  const { signal } = controller;
  for (let at = 0; at < 15; at++) {
    waiting.push(background.blob.ensure(at * 8192, 1, { signal, priority: 'background' }));
  }
  await until('the background reads fill the queue', () => background.source.reads.length === 12);
  for (let turn = 0; turn < 5; turn++) await other.blob.read(turn * 8192, 1);
  t.equal(background.source.reads.length, 12, 'what nobody waits for lends nothing');
  controller.abort(new Error('enough'));
  const results = await Promise.allSettled(waiting);
  t.ok(results.every(({ status }) => status === 'rejected'));
  stuck.source.script = () => undefined;
  t.ok((await stuck.blob.read(0, dead.device.length)).equals(dead.device));
  t.equal(gate.waiting, 0);
});
