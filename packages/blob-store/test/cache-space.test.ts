import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { ChunkCache, CodecPool } from '../src/index.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { sampleBlob } from './support/sample-blob.ts';

const SIZE = 100_000;
const sampleOf = (seed: number) => sampleBlob({ seed, sizes: [SIZE, SIZE], compressor: 'none' });

t.test('two processes never share a directory', async (t) => {
  const fixture = await openCache(t);
  const pool = new CodecPool({ threads: 1 });
  await t.rejects(ChunkCache.open({ directory: fixture.directory }, { pool }), {
    code: 'ERR_BLOB_STORE_CACHE_LOCKED',
  });
  const script = `
    import { ChunkCache, CodecPool } from ${JSON.stringify(fileURLToPath(new URL('../src/index.ts', import.meta.url)))};
    const pool = new CodecPool({ threads: 1 });
    await ChunkCache.open({ directory: process.argv[1] }, { pool }).catch((e) => console.log(e.code));
  `;
  const run = () =>
    spawnSync(
      process.execPath,
      ['--input-type=module-typescript', '-e', script, fixture.directory],
      { encoding: 'utf8' },
    );
  t.match(run().stdout, /ERR_BLOB_STORE_CACHE_LOCKED/);
  await fixture.cache.close();
  await fixture.cache.close();
  t.equal(run().stdout, '', 'after close another process may have it');
});

t.test('places that cannot hold a cache', async (t) => {
  const pool = new CodecPool({ threads: 1 });
  const file = `${temporaryDirectory(t)}/file`;
  writeFileSync(file, '');
  for (const directory of ['/proc/shoal', '/proc', '/dev/shoal/cache', file, `${file}/below`]) {
    await t.rejects(ChunkCache.open({ directory }, { pool }), {
      code: 'ERR_BLOB_STORE_CACHE_DIRECTORY',
    });
  }
});

t.test('the limit: unused blobs go, the longest unused first, used ones never', async (t) => {
  const cacheBytesMax = 3 * 2 * SIZE + 80_000;
  const fixture = await openCache(t, { cacheBytesMax });
  const samples = [1, 2, 3, 4, 5].map(sampleOf);
  const [one, two, three, four, five] = samples;
  if (!one || !two || !three || !four || !five) return;
  const kept = await openSample(fixture, one);
  await kept.blob.ensure(0, one.device.length);
  for (const sample of [two, three]) {
    const { blob } = await openSample(fixture, sample);
    await blob.ensure(0, sample.device.length);
    await blob.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const evicted = () => fixture.events.filter(({ kind }) => kind === 'evicted').length;
  t.equal(evicted(), 0);
  const again = await openSample(fixture, two);
  t.ok(again.blob.isComplete);
  await again.blob.close();
  const next = await openSample(fixture, four);
  await next.blob.ensure(0, four.device.length);
  await until('one is evicted', () => evicted() === 1);
  t.notOk(existsSync(`${fixture.directory}/${three.blobId}.blob.data`), 'three was unused longest');
  t.ok(existsSync(`${fixture.directory}/${two.blobId}.blob.data`));
  t.notOk(readdirSync(fixture.directory).some((name) => name.startsWith(three.blobId)));
  const last = await openSample(fixture, five);
  await last.blob.ensure(0, five.device.length);
  await until('another is evicted', () => evicted() === 2);
  const more = await openSample(fixture, sampleOf(6));
  await more.blob.ensure(0, 1);
  await until('it is said that nothing can go', () => fixture.events.at(-1)?.kind === 'over-limit');
  t.equal(evicted(), 2, 'nothing is taken from mounts');
  t.ok((await kept.blob.read(0, one.device.length)).equals(one.device));
  for (const { blob } of [kept, next, last, more]) await blob.close();
  t.ok(fixture.cache.bytes <= cacheBytesMax);
});

t.test('blobs of an earlier run count and are evicted too', async (t) => {
  const directory = `${temporaryDirectory(t)}/cache`;
  const before = await openCache(t, { directory });
  for (const sample of [1, 2, 3].map(sampleOf)) {
    const { blob } = await openSample(before, sample);
    await blob.ensure(0, sample.device.length);
  }
  await before.cache.close();
  mkdirSync(`${directory}/other`);
  writeFileSync(`${directory}/notes.txt`, 'mine');
  const after = await openCache(t, { directory, cacheBytesMax: 2 * SIZE + 50_000 });
  t.equal(after.events.filter(({ kind }) => kind === 'evicted').length, 2);
  t.ok(existsSync(`${directory}/notes.txt`), 'other files are left alone');
  t.ok(after.cache.bytes > SIZE);
});

t.test('a blob that cannot be removed is named, and the next one goes', async (t) => {
  const fixture = await openCache(t, { cacheBytesMax: 2 * SIZE + 50_000 });
  const [stuck, one, two] = [sampleOf(1), sampleOf(2), sampleOf(3)];
  for (const sample of [stuck, one]) {
    const { blob } = await openSample(fixture, sample);
    // A directory where a companion file would be: rm refuses it.
    if (sample === stuck) mkdirSync(`${fixture.directory}/${stuck.blobId}.blob.toc`);
    await blob.ensure(0, SIZE / 2);
    await blob.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { blob } = await openSample(fixture, two);
  await blob.ensure(0, two.device.length);
  await until('two events are told', () => fixture.events.length >= 2);
  t.same(
    fixture.events.slice(0, 2).map(({ kind }) => kind),
    ['evict-failed', 'evicted'],
  );
  t.notOk(existsSync(`${fixture.directory}/${one.blobId}.blob.data`));
  const before = fixture.cache.bytes;
  const again = await openSample(fixture, stuck);
  await again.blob.ensure(0, SIZE / 2);
  await again.blob.close();
  t.ok(fixture.cache.bytes <= before, 'used again, it counts once');
});

t.test('nothing is evicted before mounts are restored', async (t) => {
  const directory = `${temporaryDirectory(t)}/cache`;
  const before = await openCache(t, { directory });
  const [one, two] = [sampleOf(1), sampleOf(2)];
  for (const sample of [one, two]) {
    const { blob } = await openSample(before, sample);
    await blob.ensure(0, sample.device.length);
  }
  await before.cache.close();
  const cacheBytesMax = 2 * SIZE + 50_000;
  const after = await openCache(t, { directory, cacheBytesMax, evictsAtOnce: false });
  const restored = await openSample(after, one);
  t.ok(restored.blob.isComplete);
  const other = await openSample(after, two);
  await other.blob.close();
  t.same(after.events, []);
  await after.cache.startEviction();
  t.same(
    after.events.map(({ kind }) => kind),
    ['evicted'],
  );
  t.ok(restored.blob.isComplete);
  t.notOk(existsSync(`${directory}/${two.blobId}.blob.data`));
});

t.test('closing with work in flight', async (t) => {
  const fixture = await openCache(t);
  const sample = sampleOf(1);
  const { blob, source } = await openSample(fixture, sample);
  source.script = () => new Promise(() => {});
  const call = blob.ensure(0, 1);
  await Promise.all([
    t.rejects(call, { code: 'ERR_BLOB_STORE_CLOSED' }),
    fixture.cache.close(),
    blob.close(),
  ]);
  await t.rejects(openSample(fixture, sample), { code: 'ERR_BLOB_STORE_CLOSED' });
});
