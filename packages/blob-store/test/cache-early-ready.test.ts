/** The thread that has written a chunk tells who waits for it, before the cache itself hears of it. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ReadyMap } from '@shoal/linux/ready-map';
import { temporaryDirectory, until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { REAL_DISK_IO } from '../src/disk/disk-io.ts';
import { openCache, openSample } from './support/cache-fixture.ts';
import { HoldingPool } from './support/holding-pool.ts';
import { isBlockReady, sampleBlob } from './support/sample-blob.ts';

const EVENT_BYTES = 8;
const sample = sampleBlob({ sizes: [5000, 4096, 100_000, 12_345, 70_000, 8192] });
const { chunks } = sample.description;
const offsetOf = (chunk: number) => chunks.offset[chunk] ?? 0;

/** Of a file it can be told how often it was signalled. */
function openEvent(t: Test) {
  const readyEventFd = openSync(join(temporaryDirectory(t), 'event'), 'w');
  return { readyEventFd, count: () => fstatSync(readyEventFd).size / EVENT_BYTES };
}

t.test('a chunk is ready as soon as it is written, and counted once', async (t) => {
  await using pool = new HoldingPool({ threads: 1 });
  const fixture = await openCache(t, { readaheadBytesMax: 0 }, { pool });
  const { blob } = await openSample(fixture, sample);
  const { readyEventFd, count } = openEvent(t);
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  pool.held = held;
  const first = blob.ensure(offsetOf(2), 1, { readyEventFd });
  await until('the pool is held', () => pool.holds === 1);
  t.equal(count(), 1, 'it was said');
  t.ok(isBlockReady(blob.readyMap, offsetOf(2) / 4096));
  t.match(blob.stats(), { chunksPresent: 0, bytesPresent: 0 }, 'nobody here knows');
  t.ok((await blob.read(offsetOf(2), 4096)).equals(deviceBytes(2, 4096)), 'others read it too');
  letGo();
  await first;
  t.match(blob.stats(), { chunksPresent: 1, bytesPresent: 100_000 });
  await blob.ensure(offsetOf(3), 1);
  t.equal(count(), 1, 'who does not ask hears nothing');
  await blob.ensure(0, sample.device.length, { readyEventFd });
  t.match(blob.stats(), { chunksPresent: 6, bytesPresent: blob.stats().bytesTotal });
  await blob.flush();
  t.equal(blob.stats().bytesDurable, blob.stats().bytesTotal);
  t.ok((await blob.read(0, sample.device.length)).equals(sample.device));
});

t.test('a chunk that does not verify is told to nobody', async (t) => {
  const fixture = await openCache(t, { readaheadBytesMax: 0 });
  const { blob, source } = await openSample(fixture, sample);
  const { readyEventFd, count } = openEvent(t);
  source.script = (_, bytes) => bytes.fill(1);
  await t.rejects(blob.ensure(offsetOf(2), 1, { readyEventFd }), {
    code: 'ERR_BLOB_STORE_CHUNK_CORRUPT',
  });
  t.notOk(isBlockReady(blob.readyMap, offsetOf(2) / 4096));
  t.equal(count(), 0);
});

t.test('a chunk of which a thread has told the beginning is not here yet', async (t) => {
  const fixture = await openCache(t);
  const { blob, source } = await openSample(fixture, sample);
  const { promise: answer, resolve } = Promise.withResolvers<undefined>();
  source.script = () => answer;
  const first = blob.ensure(offsetOf(2), 1);
  await until('it is asked for', () => source.reads.length === 1);
  // As it is in the midst of it.
  new ReadyMap(sample.device.length, blob.readyMap).set(offsetOf(2), 4096);
  const next = offsetOf(2) + 4096;
  const second = blob.ensure(next, 4096).then(() => isBlockReady(blob.readyMap, next / 4096));
  await new Promise((done) => setImmediate(done));
  resolve(undefined);
  await first;
  t.ok(await second, 'whoever waits for its end has it');
  t.equal(source.reads.length, 1);
  t.match(blob.stats(), { chunksPresent: 1 });
});

t.test('what was told counts, and becomes durable, also where the job ends badly', async (t) => {
  const fixture = await openCache(t);
  const { blob } = await openSample(fixture, sample);
  // The thread sets the bits; then its job fails, as with a thread that dies before it has answered.
  const readyEventFd = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(readyEventFd));
  await blob.ensure(offsetOf(2), 1, { readyEventFd });
  t.ok(isBlockReady(blob.readyMap, offsetOf(2) / 4096));
  t.match(blob.stats(), { chunksPresent: 1, bytesPresent: 100_000 });
  await blob.flush();
  t.equal(blob.stats().bytesDurable, 100_000);
});

t.test('what was told and may be lost is taken back', async (t) => {
  const { promise: failing, resolve: fail } = Promise.withResolvers<void>();
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  let syncs = 0;
  const io = {
    ...REAL_DISK_IO,
    async sync(file: FileHandle) {
      if (++syncs > 1) return await REAL_DISK_IO.sync(file);
      await failing;
      throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
    },
  };
  await using pool = new HoldingPool({ threads: 1 });
  const fixture = await openCache(t, { readaheadBytesMax: 0, durableDelayMs: 1 }, { io, pool });
  const { blob, source } = await openSample(fixture, sample);
  const { readyEventFd } = openEvent(t);
  await blob.ensure(offsetOf(2), 1);
  await until('it is synced', () => syncs === 1);
  pool.held = held;
  const late = blob.ensure(offsetOf(4), 1, { readyEventFd });
  await until('the pool is held', () => pool.holds === 1);
  t.ok(isBlockReady(blob.readyMap, offsetOf(4) / 4096));
  fail();
  await until('it is said', () => fixture.events.some(({ kind }) => kind === 'sync-failed'));
  const readyAtReads: boolean[] = [];
  source.script = () => {
    readyAtReads.push(isBlockReady(blob.readyMap, offsetOf(4) / 4096));
    return undefined;
  };
  letGo();
  await late;
  t.same(readyAtReads, [false], 'and fetched again');
  t.ok(isBlockReady(blob.readyMap, offsetOf(4) / 4096));
  t.equal(blob.stats().chunksPresent, 1);
});

function deviceBytes(chunk: number, length: number): Buffer {
  return sample.device.subarray(offsetOf(chunk), offsetOf(chunk) + length);
}
