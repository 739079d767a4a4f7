import { readFileSync } from 'node:fs';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { REAL_DISK_IO } from '../src/disk/disk-io.ts';
import { READAHEAD_BYTES_MAX, READAHEAD_FIRST_BYTES } from '../src/limits.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { readyBlocks, sampleBlob } from './support/sample-blob.ts';
import { FaultError, hang, ScriptedSource } from './support/scripted-source.ts';

const sizes = [5000, 4096, 100_000, 12_345, 70_000, 8192];
const blob = sampleBlob({ sizes });
const { chunks, sizeBytes } = blob.description;
const offsetOf = (chunk: number) => chunks.offset[chunk] ?? 0;
const isRight = (bytes: Uint8Array, offset: number) =>
  Buffer.from(bytes).equals(blob.device.subarray(offset, offset + bytes.length));

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

t.test('a source that fails, then works', async (t) => {
  const fixture = await openCache(t);
  const { blob: cached, source } = await openSample(fixture, blob);
  source.script = () => {
    throw new FaultError('registry down', { retryable: true });
  };
  await t.rejects(cached.ensure(0, sizeBytes), { message: 'registry down' });
  t.equal(readyBlocks(cached.readyMap, sizeBytes / 4096), 0, 'nothing became readable');
  t.equal(cached.stats().errors, 1);
  source.script = () => undefined;
  t.ok(isRight(await cached.read(0, sizeBytes), 0));
});

t.test('a source that lies about one chunk harms that chunk only', async (t) => {
  const fixture = await openCache(t);
  const { blob: cached, source } = await openSample(fixture, blob);
  const lieAt = (chunks.storedOffset[2] ?? 0) + 10;
  source.script = ({ offset, length }, bytes) => {
    if (lieAt < offset || lieAt >= offset + length) return undefined;
    bytes.writeUInt8((bytes[lieAt - offset] ?? 0) ^ 0xff, lieAt - offset);
    return bytes;
  };
  await t.rejects(cached.ensure(0, sizeBytes), { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
  t.equal(cached.stats().chunksPresent, sizes.length - 1);
  t.equal(source.reads.length, 3, 'the damaged chunk was asked for three times');
  t.equal(source.reads[2]?.length, chunks.storedSize[2], 'and alone');
  t.ok(isRight(await cached.read(0, 9000), 0));
  await t.rejects(cached.read(offsetOf(2) + 50_000, 10), { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
  let lies = 1;
  const lie = source.script;
  source.script = (...read) => (lies-- > 0 ? lie(...read) : undefined);
  t.ok(isRight(await cached.read(0, sizeBytes), 0), 'a later honest answer heals it');
});

t.test('zeros, other bytes, short and long answers are never served', async (t) => {
  const answers: [string, (bytes: Buffer) => Buffer][] = [
    ['ERR_BLOB_STORE_CHUNK_CORRUPT', (bytes) => Buffer.alloc(bytes.length)],
    ['ERR_BLOB_STORE_CHUNK_CORRUPT', (bytes) => bytes.reverse()],
    ['ERR_BLOB_STORE_SOURCE_LENGTH', (bytes) => bytes.subarray(0, -1)],
    ['ERR_BLOB_STORE_SOURCE_LENGTH', (bytes) => Buffer.concat([bytes, bytes])],
    ['ERR_BLOB_STORE_SOURCE_LENGTH', () => Buffer.alloc(0)],
  ];
  for (const compressor of ['none', 'zstd', 'lz4_block'] as const) {
    const sample = sampleBlob({ sizes, compressor });
    const fixture = await openCache(t);
    const { blob: cached, source } = await openSample(fixture, sample);
    for (const [code, answer] of answers) {
      source.script = (_, bytes) => answer(bytes);
      await t.rejects(cached.ensure(0, sizeBytes), { code }, `${compressor} ${code}`);
      t.equal(readyBlocks(cached.readyMap, sizeBytes / 4096), 0);
    }
  }
});

t.test('one slow chunk does not hold up readers of others', async (t) => {
  const fixture = await openCache(t, { readaheadBytesMax: 0 });
  const { blob: cached, source } = await openSample(fixture, blob);
  source.script = ({ offset }, _, signal) =>
    offset === chunks.storedOffset[0] ? hang(signal) : undefined;
  const controller = new AbortController();
  const stuck = cached.ensure(0, 1, { signal: controller.signal });
  stuck.catch(() => {});
  await until('it is read', () => source.reads.length === 1);
  t.ok(isRight(await cached.read(offsetOf(4), 70_000), offsetOf(4)));
  controller.abort(new Error('deadline'));
  await t.rejects(stuck, { message: 'deadline' });
});

t.test('a caller that gives up leaves the others alone', async (t) => {
  const fixture = await openCache(t, { readaheadBytesMax: 0 });
  const { blob: cached, source } = await openSample(fixture, blob);
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let seen: AbortSignal | undefined;
  source.script = async (_, bytes, signal) => {
    seen = signal;
    await gate;
    return bytes;
  };
  const controllers = Array.from({ length: 5 }, () => new AbortController());
  const given = controllers.map(({ signal }) => cached.ensure(0, 1, { signal }));
  const kept = cached.ensure(0, 1);
  await until('it is read', () => source.reads.length === 1);
  for (const controller of controllers) controller.abort(new Error('bye'));
  for (const call of given) await t.rejects(call, { message: 'bye' });
  t.equal(seen?.aborted, false);
  open();
  await kept;
  t.equal(source.reads.length, 1);
  await t.rejects(cached.ensure(offsetOf(1), 1, { signal: AbortSignal.abort(new Error('no')) }), {
    message: 'no',
  });
  source.script = (_r, _b, signal) => {
    seen = signal;
    return hang(signal);
  };
  const only = new AbortController();
  const call = cached.ensure(offsetOf(1), 1, { signal: only.signal });
  await until('it is read again', () => source.reads.length === 2);
  only.abort(new Error('bye'));
  await t.rejects(call, { message: 'bye' });
  t.equal(seen?.aborted, true, 'with the last caller the request ends');
  source.script = () => undefined;
  t.ok(isRight(await cached.read(0, sizeBytes), 0));
});

t.test('a failing or closing user of a blob does not fail another', async (t) => {
  const fixture = await openCache(t);
  const one = await openSample(fixture, blob);
  const other = await openSample(fixture, blob);
  const { promise: gate, reject: fail } = Promise.withResolvers<Buffer>();
  one.source.script = () => gate;
  const first = one.blob.ensure(0, 1);
  first.catch(() => {});
  await until('it is read', () => one.source.reads.length === 1);
  const second = other.blob.ensure(0, 1);
  fail(new FaultError('this mount may not read that repository'));
  await t.rejects(first, { message: 'this mount may not read that repository' });
  await second;
  t.equal(other.source.reads.length, 1, 'the other one asked for itself');
  one.source.script = (_r, _b, signal) => hang(signal);
  const left = one.blob.ensure(offsetOf(2), 1);
  left.catch(() => {});
  await until('it is read again', () => one.source.reads.length === 2);
  const joined = other.blob.ensure(offsetOf(2), 1);
  await Promise.all([one.blob.close(), t.rejects(left, { code: 'ERR_BLOB_STORE_CLOSED' })]);
  await joined;
  t.ok(isRight(await other.blob.read(0, sizeBytes), 0));
});

t.test('readahead that hangs is not joined for ever', async (t) => {
  const sample = sampleBlob({ sizes: Array.from({ length: 40 }, () => 65_536) });
  const fixture = await openCache(t, { readaheadBytesMax: READAHEAD_BYTES_MAX });
  const { blob: cached, source } = await openSample(fixture, sample);
  source.script = ({ priority }) => (priority === 'prefetch' ? new Promise(() => {}) : undefined);
  // What comes with the first read, then a read that goes on from there.
  await cached.ensure(0, 1);
  const goesOn = READAHEAD_FIRST_BYTES;
  await cached.ensure(goesOn, 1);
  await until('a prefetch reads', () =>
    source.reads.some(({ priority }) => priority === 'prefetch'),
  );
  const demands = () => source.reads.filter(({ priority }) => priority === 'demand').length;
  t.equal(demands(), 2);
  const next = goesOn + 65_536;
  const controller = new AbortController();
  const stuck = cached.ensure(next, 1, { signal: controller.signal });
  stuck.catch(() => {});
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(demands(), 2, 'it joins what is on its way');
  controller.abort(new Error('deadline'));
  await t.rejects(stuck, { message: 'deadline' });
  const bytes = await cached.read(next, 100);
  t.equal(demands(), 3);
  t.ok(bytes.equals(sample.device.subarray(next, next + 100)), 'the next one asks anew');
});

t.test('disk full: what nobody uses goes, then reads go on without being kept', async (t) => {
  let isFull = false;
  const io = {
    ...REAL_DISK_IO,
    write: async (...[file, bytes, position]: Parameters<typeof REAL_DISK_IO.write>) => {
      if (isFull) throw systemError('ENOSPC');
      await REAL_DISK_IO.write(file, bytes, position);
    },
  };
  const fixture = await openCache(t, {}, { io });
  const unused = await openSample(fixture, sampleBlob({ seed: 9, sizes }));
  await unused.blob.ensure(0, 1);
  await unused.blob.close();
  const { blob: cached, source } = await openSample(fixture, blob);
  await cached.ensure(0, 1);
  await cached.flush();
  isFull = true;
  t.ok(isRight(await cached.read(0, 50_000), 0), 'present and missing bytes in one answer');
  t.same(
    fixture.events.map(({ kind }) => kind),
    ['evicted', 'disk-full'],
  );
  t.match(fixture.events[1]?.message, /the disk is full; reads go on/);
  await t.rejects(cached.ensure(0, 50_000), { code: 'ERR_BLOB_STORE_CACHE_FULL' });
  const answer = await cached.ensureOrRead(offsetOf(2) + 5, 1000);
  t.ok(answer && answer.length === 1000 && isRight(answer, offsetOf(2) + 5));
  t.equal(await cached.ensureOrRead(0, 5000), undefined, 'what is on the disk is read there');
  const reads = source.reads.length;
  for (let at = 0; at < 20; at++) await cached.ensureOrRead(offsetOf(2) + at * 4096, 4096);
  t.equal(source.reads.length, reads, 'a chunk is not fetched again for each of its blocks');
  t.ok(isRight(await cached.read(0, sizeBytes), 0));
  t.equal(cached.stats().chunksPresent, 1);
  t.equal(fixture.events.length, 2, 'told once');
  isFull = false;
  const other = await openSample(fixture, sampleBlob({ seed: 10, sizes }));
  await other.blob.ensure(0, 1);
  t.equal(fixture.events.at(-1)?.kind, 'disk-writable');
  await other.blob.flush();
  await cached.ensure(offsetOf(4), 1);
  isFull = true;
  await cached.flush();
  t.equal(fixture.events.at(-1)?.kind, 'record-failed');
  t.equal(cached.stats().bytesPresent, 75_000, 'the bytes are there all the same');
  t.equal(cached.stats().bytesDurable, 5000);
  const third = sampleBlob({ seed: 11, sizes });
  await t.rejects(fixture.cache.openBlob(third.description, new ScriptedSource([third])), {
    code: 'ERR_BLOB_STORE_CACHE_FULL',
  });
  isFull = false;
  await cached.ensure(offsetOf(5), 1);
  await cached.flush();
  t.equal(cached.stats().bytesDurable, cached.stats().bytesPresent, 'recorded later');
});

t.test('a write that does not reach the disk is taken back', async (t) => {
  let isBroken = false;
  const io = {
    ...REAL_DISK_IO,
    sync: async (file: Parameters<typeof REAL_DISK_IO.sync>[0]) => {
      if (isBroken) throw systemError('EIO');
      await REAL_DISK_IO.sync(file);
    },
  };
  const fixture = await openCache(t, {}, { io });
  const { blob: cached, source } = await openSample(fixture, blob);
  isBroken = true;
  await cached.ensure(0, sizeBytes);
  await cached.flush();
  t.equal(cached.stats().chunksPresent, 0);
  t.equal(readyBlocks(cached.readyMap, sizeBytes / 4096), 0);
  t.equal(fixture.events.at(-1)?.kind, 'sync-failed');
  isBroken = false;
  t.ok(isRight(await cached.read(0, sizeBytes), 0));
  await cached.flush();
  t.equal(cached.stats().bytesDurable, cached.stats().bytesTotal);
  t.ok(readFileSync(cached.path).equals(blob.device));
  t.equal(source.reads.length, 2);
});
