/** Upkeep with real files: what may go, what is used stays, watermarks, damaged chunks. */
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { openCache, openSample } from './support/cache-fixture.ts';
import { sampleBlob } from './support/sample-blob.ts';

const SIZE = 100_000;
const sampleOf = (seed: number) => sampleBlob({ seed, sizes: [SIZE, SIZE], compressor: 'none' });
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

t.test('unused blobs are listed in their turn and go one by one; used ones stay', async (t) => {
  const fixture = await openCache(t);
  const { upkeep } = fixture.cache;
  const paths = new Map<string, string>();
  for (const seed of [1, 2, 3]) {
    const sample = sampleOf(seed);
    const { blob } = await openSample(fixture, sample);
    await blob.ensure(0, sample.device.length);
    paths.set(blob.fileKey, blob.path);
    await blob.close();
    await pause();
  }
  const used = await openSample(fixture, sampleOf(4));
  await used.blob.ensure(0, SIZE);
  const keys = [...paths.keys()];
  t.same(
    upkeep.unused().map(({ key }) => key),
    keys,
  );
  upkeep.markRemoved([keys[2] ?? '', used.blob.blobId]);
  t.same(
    upkeep.unused().map(({ key, isRemoved }) => [key, isRemoved]),
    [
      [keys[2], true],
      [keys[0], false],
      [keys[1], false],
    ],
  );
  const before = fixture.cache.bytes;
  t.equal(await upkeep.evict(used.blob.fileKey), 0, 'a mount uses it');
  t.ok(existsSync(used.blob.path));
  const freed = await upkeep.evict(keys[2] ?? '');
  t.ok(freed >= 2 * SIZE);
  t.equal(fixture.cache.bytes, before - freed);
  t.notOk(existsSync(paths.get(keys[2] ?? '') ?? ''));
  t.equal(await upkeep.evict(keys[2] ?? ''), 0, 'once');
  // Opened again it counts as any other.
  upkeep.markRemoved([keys[1] ?? '']);
  const again = await openSample(fixture, sampleOf(2));
  await again.blob.close();
  t.same(
    upkeep.unused().map(({ isRemoved }) => isRemoved),
    [false, false],
  );
});

t.test('above the high mark blobs go down to the low one', async (t) => {
  const fixture = await openCache(t, {
    cacheBytesMax: 3.7 * 2 * SIZE,
    cacheBytesLow: 2 * 2 * SIZE,
  });
  for (const seed of [1, 2, 3]) {
    const sample = sampleOf(seed);
    const { blob } = await openSample(fixture, sample);
    await blob.ensure(0, sample.device.length);
    await blob.close();
    await pause();
  }
  t.equal(fixture.cache.upkeep.unused().length, 3, 'below the high mark');
  const sample = sampleOf(4);
  const { blob } = await openSample(fixture, sample);
  await blob.ensure(0, sample.device.length);
  await blob.close();
  // What was over while the blob was written may still be going.
  await until('it has shrunk', () => fixture.cache.bytes <= 2 * 2 * SIZE);
});

t.test('damaged chunks are found, and fetched again', async (t) => {
  const fixture = await openCache(t);
  const sample = sampleOf(7);
  const { blob } = await openSample(fixture, sample);
  await blob.ensure(0, sample.device.length);
  await blob.flush();
  const verify = async () => {
    const found = [];
    for await (const one of fixture.cache.upkeep.verify(new AbortController().signal))
      found.push(one);
    return found;
  };
  t.match(await verify(), [{ chunksChecked: 2, bytesChecked: 2 * SIZE, chunksDamaged: 0 }]);
  const file = openSync(blob.path, 'r+');
  writeSync(file, 'damage', 10);
  closeSync(file);
  t.match(await verify(), [{ chunksChecked: 2, chunksDamaged: 1 }]);
  t.notOk(blob.isComplete);
  t.match(await verify(), [{ chunksChecked: 1, chunksDamaged: 0 }]);
  t.ok((await blob.read(0, SIZE)).equals(sample.device.subarray(0, SIZE)));
  t.match(await verify(), [{ chunksChecked: 2, chunksDamaged: 0 }]);
});
