/** Disks that are full, slow or broken, and what a store does about it: no read ever fails for it. */
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { requireRoot, temporaryDirectory, until } from '@shoal/test-kit';
import { Level } from 'level';
import t from 'tap';
import { REAL_STORE_IO, type StoreIo } from '../src/store/blob-files.ts';
import { type SampleBytes, sampleBytes } from './support/sample-bytes.ts';
import { put, storeFixture, wrongRanges } from './support/store-fixture.ts';

const MIB = 1 << 20;
const sample = sampleBytes(5, 4 * MIB);
const size = sample.bytes.length;
const other = sampleBytes(6, 4 * MIB);

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

type Failures = {
  writeFails?: string | undefined;
  syncFails?: string | undefined;
  recordFails?: string | undefined;
};

/** A disk that can be told to fail. */
function brokenIo(): StoreIo & Failures {
  const io: StoreIo & Failures = {
    async write(file, bytes, position) {
      if (io.writeFails !== undefined) throw failure(io.writeFails);
      await REAL_STORE_IO.write(file, bytes, position);
    },
    async sync(file) {
      if (io.syncFails !== undefined) throw failure(io.syncFails);
      await REAL_STORE_IO.sync(file);
    },
    async record(write) {
      if (io.recordFails !== undefined) throw failure(io.recordFails);
      await write();
    },
    punch: REAL_STORE_IO.punch,
  };
  return io;
}

t.test('a full disk keeps nothing new, evicts, and says so once', async (t) => {
  const io = brokenIo();
  const fixture = storeFixture(t);
  const store = await fixture.open({}, { io });
  await using old = await store.blob(other.blobId, other.bytes.length);
  await put(old, other, 0, 2 * MIB);
  await store.flush();
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, MIB);
  blob.pin();
  io.writeFails = 'ENOSPC';
  t.notOk(await put(blob, sample, MIB, 2 * MIB));
  t.notOk(await put(blob, sample, MIB, 2 * MIB));
  t.equal(blob.held.bytes, MIB, 'what is there stays and is served');
  t.strictSame(await wrongRanges(blob, sample), []);
  await until('the blob that nobody pinned is gone', () => store.facts(other.blobId) === undefined);
  t.equal(old.held.count, 0);
  io.writeFails = undefined;
  t.ok(await put(blob, sample, MIB, 2 * MIB));
  await store.flush();
  t.ok(await put(old, other, 0, MIB), 'what was evicted can come back');
  t.strictSame(await wrongRanges(old, other), []);
  const kinds = fixture.events.map(({ kind }) => kind).filter((kind) => kind !== 'evicted');
  t.strictSame(kinds, ['disk-full', 'disk-writable']);
  t.ok(store.stats().bytesNotKept >= 2 * MIB);
  io.writeFails = 'EIO';
  t.notOk(await put(blob, sample, 3 * MIB, 4 * MIB));
  t.equal(fixture.events.at(-1)?.kind, 'write-failed');
});

t.test('what a failed sync left behind is given up, what was durable before stays', async (t) => {
  const io = brokenIo();
  const fixture = storeFixture(t);
  const store = await fixture.open({}, { io });
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, MIB);
  t.ok(await blob.flush());
  await put(blob, sample, MIB, 2 * MIB);
  const unjudged = blob.deposit();
  await unjudged.write(2 * MIB, sample.bytes.subarray(2 * MIB, 3 * MIB));
  io.syncFails = 'EIO';
  t.notOk(await blob.flush());
  io.syncFails = undefined;
  t.strictSame([...blob.held], [{ start: 0, end: MIB }]);
  t.strictSame(fixture.lost, [[sample.blobId, [{ start: MIB, end: 2 * MIB }]]]);
  unjudged.settle(2 * MIB, MIB, 'right');
  t.equal(blob.held.bytes, MIB, 'nobody knows whether it reached the disk');
  t.ok(await blob.flush());
  t.ok(await put(blob, sample, MIB, 3 * MIB), 'it is fetched again');
  t.ok(await blob.flush());
  t.strictSame(
    fixture.events.map(({ kind }) => kind),
    ['sync-failed'],
  );
  t.equal(store.stats().bytesLost, MIB);
  await store.close();
  const second = await fixture.open();
  await using again = await second.blob(sample.blobId, size);
  t.equal(again.held.bytes, 3 * MIB);
  t.strictSame(await wrongRanges(again, sample), []);
});

t.test('no record tells of bytes before they are on the disk', async (t) => {
  const gates: (() => void)[] = [];
  const io: StoreIo = {
    ...REAL_STORE_IO,
    sync: (file) =>
      new Promise((resolve, reject) => {
        gates.push(() => void REAL_STORE_IO.sync(file).then(resolve, reject));
      }),
  };
  const fixture = storeFixture(t);
  const store = await fixture.open({}, { io });
  const blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, MIB);
  const flushed = blob.flush();
  await until('the file is being synced', () => gates.length === 1);
  t.equal(await recordsNow(), 0, 'the sync has not ended');
  await put(blob, sample, 2 * MIB, 3 * MIB);
  gates.shift()?.();
  t.ok(await flushed);
  t.equal(await recordsNow(), 2);
  t.match(store.list(), [{ heldBytes: MIB }], 'what came during the sync waits for the next one');
  const next = blob.flush();
  await until('the file is synced again', () => gates.length === 1);
  gates.shift()?.();
  t.ok(await next);
  t.match(store.list(), [{ heldBytes: 2 * MIB }]);

  async function recordsNow(): Promise<number> {
    const directory = join(temporaryDirectory(t), 'index');
    cpSync(join(fixture.directory, 'index'), directory, {
      recursive: true,
      filter: (path) => !path.endsWith('LOCK'),
    });
    const db = new Level(directory);
    const keys = await db.keys({ lt: 'v' }).all();
    await db.close();
    return keys.length;
  }
});

t.test('a record that cannot be written is written later', async (t) => {
  const io = brokenIo();
  const fixture = storeFixture(t);
  const store = await fixture.open({}, { io });
  const blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, MIB);
  await store.flush();
  io.recordFails = 'ENOSPC';
  await put(blob, sample, MIB, 2 * MIB);
  blob.refute(0, 1000);
  t.notOk(await blob.flush());
  t.equal(blob.held.bytes, 2 * MIB - 1000, 'it is held all the same');
  t.notOk(await put(blob, sample, 0, 1000), 'not while a record tells of it');
  await blob.close();
  io.recordFails = undefined;
  await using again = await store.blob(sample.blobId, size);
  t.equal(again.held.bytes, 2 * MIB - 1000, 'nothing was forgotten');
  t.ok(await store.flush());
  t.ok(await put(again, sample, 0, 1000));
  t.ok(await store.flush());
  await store.close();
  const second = await fixture.open();
  await using reopened = await second.blob(sample.blobId, size);
  t.equal(reopened.held.bytes, 2 * MIB);
  t.strictSame(await wrongRanges(reopened, sample), []);
});

t.test('an eviction on a disk without room for its record', async (t) => {
  const io = brokenIo();
  const fixture = storeFixture(t);
  const store = await fixture.open({}, { io });
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, MIB);
  await store.flush();
  io.recordFails = 'ENOSPC';
  t.ok((await store.evict(1)) >= MIB, 'the bytes are free at once');
  t.equal(store.bytes, 0);
  t.notOk(await put(blob, sample, 0, MIB), 'nothing is kept while the old record is there');
  io.recordFails = undefined;
  t.ok(await store.flush());
  t.ok(await put(blob, sample, MIB, 2 * MIB));
  await store.close();
  const second = await fixture.open();
  await using again = await second.blob(sample.blobId, size);
  t.strictSame([...again.held], [{ start: MIB, end: 2 * MIB }]);
});

t.test('a real disk that is full, and has room again', async (t) => {
  if (!requireRoot(t)) return;
  const mountpoint = temporaryDirectory(t);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=0700', 'tmpfs', mountpoint]);
  t.teardown(() => execFileSync('umount', ['--lazy', mountpoint]));
  const directory = join(mountpoint, 'store');
  const fixture = storeFixture(t);
  const first = await fixture.open({ directory });
  const kept: SampleBytes[] = [];
  for (let seed = 20; seed < 40; seed++) {
    const sample = sampleBytes(seed, 3 * MIB);
    await using blob = await first.blob(sample.blobId, sample.bytes.length);
    if (await put(blob, sample, 0, sample.bytes.length)) kept.push(sample);
    t.strictSame(await wrongRanges(blob, sample), []);
    await first.flush();
  }
  t.ok(kept.length > 7, `${kept.length} blobs of 20 had room, those before made some`);
  t.ok(first.stats().bytesNotKept > 0 && first.stats().bytesEvicted > 0);
  await first.close();
  const second = await fixture.open({ directory });
  t.ok(second.list().length > 0);
  for (const { blobId, sizeBytes } of second.list()) {
    const sample = kept.find((each) => each.blobId === blobId);
    if (sample === undefined) continue;
    await using blob = await second.blob(blobId, sizeBytes);
    t.strictSame(await wrongRanges(blob, sample), []);
  }
});
