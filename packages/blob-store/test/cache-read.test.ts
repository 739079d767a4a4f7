import { readFileSync, statSync } from 'node:fs';
import t from 'tap';
import { READAHEAD_BYTES_MAX, READAHEAD_FIRST_BYTES } from '../src/limits.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { readyBlocks, sampleBlob } from './support/sample-blob.ts';

const KIB = 1024;
const blob = sampleBlob({ sizes: [5000, 4096, 1, 200_000, 131_072, 12_345, 70_000, 8192] });

t.test('any range reads right, from the answer and from the device file', async (t) => {
  const fixture = await openCache(t);
  for (let seed = 1; seed <= 40; seed++) {
    const sample = sampleBlob({ seed, sizes: [5000, 4096, 1, 20_000, 12_345] });
    const { blob: cached } = await openSample(fixture, sample);
    const offset = (seed * 7919) % sample.device.length;
    const length = Math.min(sample.device.length - offset, (seed * 3571) % 30_000);
    const bytes = await cached.read(offset, length);
    const expected = sample.device.subarray(offset, offset + length);
    if (!bytes.equals(expected)) t.fail(`seed ${seed}: ${offset}+${length}`);
    const file = readFileSync(cached.path).subarray(offset, offset + length);
    if (!file.equals(expected)) t.fail(`seed ${seed}: the file differs`);
    await cached.close();
  }
  t.equal(fixture.events.length, 0);
});

t.test('only the chunks of a range are fetched, neighbours in one request', async (t) => {
  const fixture = await openCache(t);
  const { blob: cached, source } = await openSample(fixture, blob);
  const { chunks, sizeBytes } = blob.description;
  t.equal(statSync(cached.path).size, sizeBytes);
  t.equal(statSync(cached.path).mode & 0o777, 0o600);
  t.equal(statSync(fixture.directory).mode & 0o777, 0o700);
  t.equal(source.reads.length, 0, 'opening needs no network');
  await cached.ensure(chunks.offset[3] ?? 0, 4096);
  t.equal(source.reads.length, 1);
  t.equal(source.bytesRead, chunks.storedSize[3]);
  t.equal(readyBlocks(cached.readyMap, sizeBytes / 4096), Math.ceil(200_000 / 4096));
  t.notOk(cached.isComplete);
  t.notOk(fixture.cache.hasAllOf(blob.description.blobId));
  await cached.ensure(chunks.offset[3] ?? 0, 200_000);
  t.equal(source.reads.length, 1, 'what is present is not fetched again');
  await cached.ensure(0, sizeBytes);
  t.equal(source.reads.length, 3, 'the chunks before and behind, merged');
  t.equal(source.bytesRead, blob.stored.length - 100, 'every byte of data once');
  t.ok(cached.isComplete);
  t.ok(fixture.cache.hasAllOf(blob.description.blobId));
  t.ok(readFileSync(cached.path).equals(blob.device));
  await cached.ensure(0, 0);
  for (const [offset, length] of [
    [-1, 1],
    [0, sizeBytes + 1],
    [0.5, 1],
  ] as const) {
    await t.rejects(cached.ensure(offset, length), { code: 'ERR_BLOB_STORE_RANGE' });
  }
});

t.test('statistics', async (t) => {
  const fixture = await openCache(t);
  const { blob: cached } = await openSample(fixture, blob);
  const { chunks, sizeBytes } = blob.description;
  await cached.ensure(0, 1);
  await cached.ensure(0, 1);
  await cached.ensure(chunks.offset[3] ?? 0, 1, { priority: 'background' });
  const stats = cached.stats();
  t.equal(
    stats.bytesTotal,
    chunks.size.reduce((sum, size) => sum + size, 0),
  );
  t.equal(stats.bytesPresent, 5000 + 200_000);
  t.equal(stats.chunksPresent, 2);
  t.equal(stats.misses, 1);
  t.equal(stats.requests, 2);
  t.same(stats.bytesFetchedBySource, {
    memory: (chunks.storedSize[0] ?? 0) + (chunks.storedSize[3] ?? 0),
  });
  t.same(stats.bytesFetchedByCause, {
    demand: chunks.storedSize[0],
    background: chunks.storedSize[3],
    preheat: 0,
    prefetch: 0,
    readahead: 0,
  });
  t.ok(stats.missMsP50 > 0 && stats.missMsP50 <= stats.missMsP99);
  await cached.ensure(0, sizeBytes);
  await cached.flush();
  t.equal(cached.stats().bytesDurable, stats.bytesTotal);
});

t.test('readahead: a little for random reads, bounded for sequential ones', async (t) => {
  const sizes = Array.from({ length: 200 }, () => 64 * KIB);
  const sample = sampleBlob({ sizes, compressor: 'none' });
  const fixture = await openCache(t, { readaheadBytesMax: READAHEAD_BYTES_MAX });
  const random = await openSample(fixture, sample);
  for (let step = 0; step < 10; step++) await random.blob.ensure(step * 20 * 64 * KIB, 100);
  await random.blob.close();
  const { demand, readahead: behind } = random.blob.stats().bytesFetchedByCause;
  t.equal(demand, 10 * 64 * KIB, 'one chunk for each');
  t.ok(behind > 0 && behind <= 10 * READAHEAD_FIRST_BYTES, `${behind} bytes behind them`);
  const other = sampleBlob({ seed: 2, sizes, compressor: 'none' });
  const { blob: cached, source } = await openSample(fixture, other);
  let readTo = 0;
  for (let at = 0; at < 100 * 64 * KIB; at += 128 * KIB) {
    await cached.ensure(at, 128 * KIB);
    readTo = at + 128 * KIB;
    const { bytesPresent } = cached.stats();
    const ahead = Math.max(READAHEAD_FIRST_BYTES, Math.min(readTo, READAHEAD_BYTES_MAX));
    const allowed = readTo + ahead;
    if (bytesPresent > allowed) t.fail(`${bytesPresent} present after ${readTo} read`);
  }
  t.ok(source.reads.length < 50, `${source.reads.length} requests for 50 reads`);
  const { readahead } = cached.stats().bytesFetchedByCause;
  t.ok(readahead > 0);
  await cached.close();
  t.ok(source.bytesRead <= readTo + READAHEAD_BYTES_MAX);
});

t.test('a read at a new place brings what lies close behind in one request', async (t) => {
  const sizes = Array.from({ length: 40 }, () => 64 * KIB);
  const sample = sampleBlob({ seed: 3, sizes, compressor: 'none' });
  const fixture = await openCache(t, { readaheadBytesMax: READAHEAD_BYTES_MAX });
  const { blob: cached, source } = await openSample(fixture, sample);
  await cached.ensure(10 * 64 * KIB, 100);
  const read = { offset: 10 * 64 * KIB, length: READAHEAD_FIRST_BYTES };
  t.match(source.reads, [{ ...read, priority: 'demand' }]);
  t.equal(source.reads.length, 1);
  t.match(cached.stats().bytesFetchedByCause, {
    demand: 64 * KIB,
    readahead: READAHEAD_FIRST_BYTES - 64 * KIB,
  });
  await cached.ensure(10 * 64 * KIB, READAHEAD_FIRST_BYTES);
  t.equal(source.reads.length, 1, 'it is here');
});

t.test('batches come whole, encrypted chunks come decrypted', async (t) => {
  const cipherKey = {
    cipher: 'aes-128-xts' as const,
    key: Buffer.from(Array.from({ length: 32 }, (_, i) => i * 3)),
    iv: Buffer.alloc(16, 9),
  };
  const sizes = [100, 5000, 7, 4096, 90_000, 10, 20];
  const batches = [
    [0, 4],
    [5, 7],
  ] as const;
  for (const compressor of ['zstd', 'lz4_block', 'none'] as const) {
    const sample = sampleBlob({ sizes, compressor, batches, cipherKey });
    const fixture = await openCache(t);
    const { blob: cached, source } = await openSample(fixture, sample);
    await cached.ensure(sample.description.chunks.offset[2] ?? 0, 1);
    t.equal(source.reads.length, 1);
    t.equal(cached.stats().chunksPresent, 4, 'the whole batch is there');
    await cached.ensure(0, sample.description.sizeBytes);
    t.ok(readFileSync(cached.path).equals(sample.device), compressor);
    t.equal(source.bytesRead, sample.stored.length - 100);
  }
});

t.test('two handles share one file, each with its own source', async (t) => {
  const fixture = await openCache(t);
  const one = await openSample(fixture, blob);
  const other = await openSample(fixture, blob);
  t.equal(one.blob.path, other.blob.path);
  t.equal(one.blob.fileKey, blob.blobId);
  t.equal(one.blob.readyMap, other.blob.readyMap);
  await one.blob.ensure(0, 1);
  await other.blob.ensure(0, 1);
  t.equal(other.source.reads.length, 0);
  await Promise.all([one.blob.close(), one.blob.close()]);
  await t.rejects(one.blob.ensure(0, 1), { code: 'ERR_BLOB_STORE_CLOSED' });
  t.ok((await other.blob.read(0, 50_000)).equals(blob.device.subarray(0, 50_000)));
  t.notOk(one.source.isClosed, 'a source stays its owner’s');
});

t.test('descriptions that cannot be a blob', async (t) => {
  const fixture = await openCache(t);
  const { description } = blob;
  type Columns = typeof description.chunks;
  const changes: [string, (columns: Columns) => Partial<Columns>][] = [
    ['no chunks', () => ({ count: 0 })],
    ['a column too short', () => ({ flags: new Uint8Array(1) })],
    ['overlap', ({ offset }) => ({ offset: offset.map((at, n) => (n === 2 ? 4096 : at)) })],
    ['no whole block', ({ offset }) => ({ offset: offset.map((at, n) => at + (n === 7 ? 1 : 0)) })],
    ['outside', ({ size }) => ({ size: size.map((bytes, n) => (n === 7 ? 8193 : bytes)) })],
    ['empty', ({ size }) => ({ size: size.map((bytes, n) => (n === 7 ? 0 : bytes)) })],
    ['stored nowhere', ({ storedSize }) => ({ storedSize: storedSize.map(() => 0) })],
    ['bomb', ({ unitSize }) => ({ unitSize: unitSize.map(() => (16 << 20) + 1) })],
    ['outside its unit', ({ unitOffset }) => ({ unitOffset: unitOffset.map(() => 1) })],
    ['negative', ({ storedOffset }) => ({ storedOffset: storedOffset.map(() => -1) })],
  ];
  for (const [what, change] of changes) {
    const chunks = { ...description.chunks, ...change(description.chunks) };
    await t.rejects(
      openSample(fixture, blob, { ...description, chunks }),
      { code: 'ERR_BLOB_STORE_BLOB_LAYOUT' },
      what,
    );
  }
  const flags = description.chunks.flags.map(() => 2);
  const keyless = { ...description, chunks: { ...description.chunks, flags } };
  await t.rejects(openSample(fixture, blob, keyless), { code: 'ERR_BLOB_STORE_BLOB_KIND' });
  await t.rejects(openSample(fixture, blob, { ...description, sizeBytes: 2 ** 45 }), {
    code: 'ERR_BLOB_STORE_BLOB_LAYOUT',
  });
});

t.test('a long range goes step by step', async (t) => {
  const sizes = Array.from({ length: 40 }, () => 1024 * KIB);
  const sample = sampleBlob({ sizes, compressor: 'none' });
  const fixture = await openCache(t);
  const { blob: cached, source } = await openSample(fixture, sample);
  await cached.ensure(0, sample.description.sizeBytes, { priority: 'background' });
  t.ok(cached.isComplete);
  t.ok(source.reads.every(({ length }) => length <= 4 << 20));
  t.ok(source.reads.length < 20);
});
