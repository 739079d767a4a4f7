/** Stored bytes that lie in device files just as they are: told, read from there, and no longer than they are there. */
import { closeSync, openSync, writeSync } from 'node:fs';
import t from 'tap';
import type { SizedBlob, StoredRange, VerbatimListener } from '../src/index.ts';
import { openCache, openSample, withOtherDigest } from './support/cache-fixture.ts';
import { type SampleBlob, sampleBlob } from './support/sample-blob.ts';

const SIZES = [100_000, 5000, 4096, 70_001];

type Told = readonly [SizedBlob, readonly StoredRange[] | undefined];

function listening(): { readonly told: Told[]; readonly onVerbatim: VerbatimListener } {
  const told: Told[] = [];
  return { told, onVerbatim: (blob, more) => told.push([blob, more]) };
}

function keyOf({ blobId, stored }: SampleBlob): SizedBlob {
  return { blobId, sizeBytes: stored.length };
}

function bytesOf(ranges: readonly StoredRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

/** Of all chunks: they lie one behind the other. */
function chunksEnd({ stored }: SampleBlob): number {
  return stored.length - 100;
}

t.test('what is durable is told and read, also when the blob is closed', async (t) => {
  const { told, onVerbatim } = listening();
  const fixture = await openCache(t, {}, { onVerbatim });
  const { verbatim } = fixture.cache;
  const sample = sampleBlob({ sizes: SIZES, compressor: 'none' });
  const key = keyOf(sample);
  const { blob } = await openSample(fixture, sample);
  t.strictSame(verbatim.rangesOf(key), []);
  await blob.ensure(0, 100_000);
  await blob.flush();
  t.strictSame(verbatim.rangesOf(key), [{ start: 0, end: 100_000 }]);
  t.strictSame(told, [[key, [{ start: 0, end: 100_000 }]]]);
  await blob.ensure(0, sample.device.length);
  await blob.flush();
  const all = { start: 0, end: chunksEnd(sample) };
  t.strictSame(verbatim.rangesOf(key), [all], 'neighbours are one range');
  for (const range of [all, { start: 99_990, end: 105_010 }, { start: 7, end: 8 }]) {
    const bytes = await verbatim.read(key, range);
    t.ok(bytes?.equals(sample.stored.subarray(range.start, range.end)), 'over all chunks');
  }
  t.equal(await verbatim.read(key, { start: 0, end: all.end + 1 }), undefined);
  t.strictSame(verbatim.rangesOf({ ...key, sizeBytes: key.sizeBytes + 1 }), [], 'of another size');
  t.equal(await verbatim.read({ ...key, sizeBytes: 5 }, { start: 0, end: 5 }), undefined);
  await blob.close();
  const covered = { start: 99_990, end: 105_010 };
  const left = await verbatim.read(key, covered);
  t.ok(left?.equals(sample.stored.subarray(covered.start, covered.end)), 'its file is there');
  t.equal(bytesOf(verbatim.rangesOf(key)), all.end);
  t.equal(await verbatim.read(key, { start: all.end - 1, end: all.end + 1 }), undefined);
  told.length = 0;
  const again = await openSample(fixture, sample);
  t.strictSame(told, [
    [key, undefined],
    [key, [all]],
  ]);
  t.strictSame(verbatim.rangesOf(key), [all], 'what is there when it is opened');
  await again.blob.close();
  told.length = 0;
  t.ok((await fixture.cache.upkeep.evict(again.blob.fileKey)) > 0);
  t.strictSame(told, [[key, undefined]], 'it is told');
  t.strictSame(verbatim.rangesOf(key), [], 'its file is removed');
  t.equal(await verbatim.read(key, { start: 0, end: 10 }), undefined);
});

t.test('what became durable while it was closed is among it', async (t) => {
  const fixture = await openCache(t, { durableDelayMs: 60_000 }, { onVerbatim: () => undefined });
  const { verbatim } = fixture.cache;
  const sample = sampleBlob({ seed: 8, sizes: SIZES, compressor: 'none' });
  const { blob } = await openSample(fixture, sample);
  await blob.ensure(0, sample.device.length);
  t.strictSame(verbatim.rangesOf(keyOf(sample)), []);
  await blob.close();
  t.equal(bytesOf(verbatim.rangesOf(keyOf(sample))), chunksEnd(sample));
  // Another image says that other bytes belong there, which it writes: nobody reads these for the old ones.
  const other = withOtherDigest(sample.description, 0);
  const { blob: second } = await openSample(fixture, sample, other);
  t.strictSame(verbatim.rangesOf(keyOf(sample)), [{ start: 100_000, end: chunksEnd(sample) }]);
  t.equal(await verbatim.read(keyOf(sample), { start: 0, end: 10 }), undefined);
  await second.close();
});

t.test('chunks that are stored otherwise are not among them', async (t) => {
  const { told, onVerbatim } = listening();
  const fixture = await openCache(t, {}, { onVerbatim });
  const kinds = [
    sampleBlob({ seed: 2, sizes: SIZES, compressor: 'zstd' }),
    sampleBlob({
      ...{ seed: 3, sizes: SIZES, compressor: 'none' },
      cipherKey: {
        cipher: 'aes-128-xts',
        key: Buffer.alloc(32, 'two halves'),
        iv: Buffer.alloc(16, 9),
      },
    }),
    sampleBlob({ seed: 4, sizes: SIZES, compressor: 'none', batches: [[0, 4]] }),
  ];
  for (const sample of kinds) {
    const { blob } = await openSample(fixture, sample);
    await blob.ensure(0, sample.device.length);
    await blob.flush();
    t.strictSame(fixture.cache.verbatim.rangesOf(keyOf(sample)), []);
    await blob.close();
  }
  t.strictSame(told, []);
});

t.test('an image that says the same place twice has it once', async (t) => {
  const fixture = await openCache(t, {}, { onVerbatim: () => undefined });
  const sample = sampleBlob({ seed: 5, sizes: [4096, 4096], compressor: 'none' });
  const { description } = sample;
  const chunks = {
    ...description.chunks,
    storedOffset: Float64Array.of(0, 0),
    digests: Buffer.concat([0, 0].map(() => description.chunks.digests.subarray(0, 32))),
  };
  const { blob } = await openSample(fixture, sample, { ...description, chunks });
  await blob.ensure(0, 8192);
  await blob.flush();
  t.strictSame(fixture.cache.verbatim.rangesOf(keyOf(sample)), [{ start: 0, end: 4096 }]);
  await blob.close();
});

t.test('what is found damaged is told before it is fetched again', async (t) => {
  const { told, onVerbatim } = listening();
  const fixture = await openCache(t, {}, { onVerbatim });
  const sample = sampleBlob({ seed: 6, sizes: SIZES, compressor: 'none' });
  const key = keyOf(sample);
  const { blob } = await openSample(fixture, sample);
  await blob.ensure(0, sample.device.length);
  await blob.flush();
  const file = openSync(blob.path, 'r+');
  writeSync(file, Buffer.alloc(10, 0xff), 0, 10, 100);
  closeSync(file);
  told.length = 0;
  const { signal } = new AbortController();
  for await (const { chunksDamaged } of fixture.cache.upkeep.verify(signal)) {
    t.equal(chunksDamaged, 1);
  }
  t.ok(told.some(([, more]) => more === undefined));
  const left = [{ start: 100_000, end: chunksEnd(sample) }];
  t.strictSame(fixture.cache.verbatim.rangesOf(key), left);
  t.equal(await fixture.cache.verbatim.read(key, { start: 0, end: 10 }), undefined);
  await blob.close();
});

t.test('files of two descriptions have what each of them has', async (t) => {
  const fixture = await openCache(t, {}, { onVerbatim: () => undefined });
  const sample = sampleBlob({ seed: 7, sizes: [4096, 4096], compressor: 'none' });
  const one = await openSample(fixture, sample);
  const other = await openSample(fixture, sample, withOtherDigest(sample.description, 1));
  await other.blob.ensure(0, 4096);
  await one.blob.ensure(4096, 4096);
  await Promise.all([one.blob.flush(), other.blob.flush()]);
  const bytes = await fixture.cache.verbatim.read(keyOf(sample), { start: 0, end: 8192 });
  t.ok(bytes?.equals(sample.stored.subarray(0, 8192)), 'each part from the file that has it');
  await one.blob.close();
  await fixture.cache.upkeep.evict(one.blob.fileKey);
  t.strictSame(fixture.cache.verbatim.rangesOf(keyOf(sample)), [{ start: 0, end: 4096 }]);
  await other.blob.close();
});

t.test(
  'an image that says where chunks are stored is believed for those that came from there',
  async (t) => {
    const { told, onVerbatim } = listening();
    const fixture = await openCache(t, {}, { onVerbatim });
    const { verbatim } = fixture.cache;
    const sizes = [8192, 8192];
    for (const compressor of ['zstd', 'none'] as const) {
      const sample = sampleBlob({ seed: 9, sizes, compressor });
      const key = keyOf(sample);
      const { description } = sample;
      const honest = await openSample(fixture, sample);
      await honest.blob.ensure(0, sample.device.length);
      await honest.blob.close();
      const isLent = compressor === 'none';
      t.equal(bytesOf(verbatim.rangesOf(key)), isLent ? 16_384 : 0);
      told.length = 0;
      // The same content at the same places of the device file, and elsewhere in the stored blob.
      const lies = {
        ...{ storedOffset: Float64Array.of(8192, 0), storedSize: Uint32Array.of(8192, 8192) },
        ...{ unitSize: Uint32Array.of(8192, 8192), flags: new Uint8Array(2) },
      };
      const chunks = { ...description.chunks, ...lies };
      const other = { ...description, compressor: 'none' as const, chunks };
      const hostile = await openSample(fixture, sample, other);
      await hostile.blob.ensure(0, sample.device.length);
      await hostile.blob.flush();
      t.strictSame(verbatim.rangesOf(key), [], 'nobody else takes its word');
      await hostile.blob.close();
      t.strictSame(verbatim.rangesOf(key), [], 'nor what its files have afterwards');
      t.ok(told.every(([, more]) => more === undefined));
      const again = await openSample(fixture, sample);
      await again.blob.ensure(0, sample.device.length);
      t.strictSame(verbatim.rangesOf(key), [], 'from then on nothing of these files is lent');
      await again.blob.close();
      await fixture.cache.upkeep.evict(again.blob.fileKey);
    }
  },
);

t.test('what was lent is lent again by the next cache', async (t) => {
  const first = await openCache(t, {}, { onVerbatim: () => undefined });
  const sample = sampleBlob({ seed: 10, sizes: SIZES, compressor: 'none' });
  const { blob } = await openSample(first, sample);
  await blob.ensure(0, sample.device.length);
  await blob.close();
  await first.cache.close();
  const { directory } = first;
  const second = await openCache(t, { directory }, { onVerbatim: () => undefined });
  const { blob: again } = await openSample(second, sample);
  t.equal(bytesOf(second.cache.verbatim.rangesOf(keyOf(sample))), chunksEnd(sample));
  await again.close();
});
