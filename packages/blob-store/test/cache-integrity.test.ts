/**
 * Wrong bytes that only a bad disk or a second image could bring: neither gets them past the cache.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { hashInPieces } from '../src/description/hash-in-pieces.ts';
import { REAL_DISK_IO } from '../src/disk/disk-io.ts';
import { ChunkCache } from '../src/index.ts';
import { HASH_HERE_BYTES_MAX } from '../src/limits.ts';
import { openCache, openSample, withOtherDigest } from './support/cache-fixture.ts';
import { HoldingPool } from './support/holding-pool.ts';
import { isBlockReady, sampleBlob, sha256 } from './support/sample-blob.ts';
import { ScriptedSource } from './support/scripted-source.ts';

const sizes = [5000, 4096, 100_000, 12_345, 70_000, 8192];
const sample = sampleBlob({ sizes });
const { chunks } = sample.description;
const offsetOf = (chunk: number) => chunks.offset[chunk] ?? 0;

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

t.test('what one image fetched while the disk was full is not served to another', async (t) => {
  let isFull = false;
  const io = {
    ...REAL_DISK_IO,
    write: async (...[file, bytes, position]: Parameters<typeof REAL_DISK_IO.write>) => {
      if (isFull) throw systemError('ENOSPC');
      await REAL_DISK_IO.write(file, bytes, position);
    },
  };
  const fixture = await openCache(t, { readaheadBytesMax: 0 }, { io });
  const one = await openSample(fixture, sample);
  const keeper = await openSample(fixture, sampleBlob({ seed: 2, sizes }));
  isFull = true;
  t.ok(await one.blob.ensureOrRead(offsetOf(2), 4096), 'from memory');
  isFull = false;
  await one.blob.close();
  const other = await openSample(fixture, sample, withOtherDigest(sample.description, 2));
  t.equal(other.blob.fileKey, sample.blobId);
  await t.rejects(other.blob.read(offsetOf(2), 4096), { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
  t.notOk(isBlockReady(other.blob.readyMap, offsetOf(2) / 4096));
  await other.blob.close();
  await keeper.blob.close();
});

t.test('what was written while a sync failed is written again', async (t) => {
  const { promise: failing, resolve: fail } = Promise.withResolvers<void>();
  const { promise: writing, resolve: write } = Promise.withResolvers<void>();
  let syncs = 0;
  let slow = Number.POSITIVE_INFINITY;
  const written: number[] = [];
  const io = {
    async write(file: FileHandle, bytes: Uint8Array, position: number) {
      await REAL_DISK_IO.write(file, bytes, position);
      if (bytes.length >= 4096 && position > 0) written.push(position);
      if (position === slow) await writing;
    },
    async sync(file: FileHandle) {
      if (++syncs === 1) {
        await failing;
        throw systemError('EIO');
      }
      await REAL_DISK_IO.sync(file);
    },
  };
  const fixture = await openCache(t, { readaheadBytesMax: 0, durableDelayMs: 1 }, { io });
  const { blob: cached } = await openSample(fixture, sample);
  const present = (chunk: number) => isBlockReady(cached.readyMap, offsetOf(chunk) / 4096);
  await cached.ensure(offsetOf(2), 1);
  await until('it is synced', () => syncs === 1);
  await cached.ensure(offsetOf(3), 1);
  slow = offsetOf(4);
  const late = cached.ensure(offsetOf(4), 1);
  await until('chunk 4 is written', () => written.includes(offsetOf(4)));
  t.same([2, 3, 4].map(present), [true, true, false]);
  fail();
  await until('it is said', () => fixture.events.some(({ kind }) => kind === 'sync-failed'));
  t.same([2, 3, 4].map(present), [false, false, false], 'the one of the next batch too');
  t.equal(written.filter((position) => position === offsetOf(4)).length, 1);
  write();
  await late;
  t.equal(written.filter((position) => position === offsetOf(4)).length, 2, 'written again');
  t.ok((await cached.read(0, sample.device.length)).equals(sample.device));
  await cached.flush();
  t.equal(cached.stats().bytesDurable, cached.stats().bytesTotal);
  t.ok(readFileSync(cached.path).equals(sample.device));
});

t.test('what a codec thread wrote while a sync failed is fetched and written again', async (t) => {
  const { promise: failing, resolve: fail } = Promise.withResolvers<void>();
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
  let syncs = 0;
  const io = {
    ...REAL_DISK_IO,
    async sync(file: FileHandle) {
      if (++syncs === 1) {
        await failing;
        throw systemError('EIO');
      }
      await REAL_DISK_IO.sync(file);
    },
  };
  await using pool = new HoldingPool({ threads: 1 });
  const fixture = await openCache(t, { durableDelayMs: 1 }, { io, pool });
  const { blob: cached, source } = await openSample(fixture, sample);
  await cached.ensure(offsetOf(2), 1);
  await until('it is synced', () => syncs === 1);
  pool.held = held;
  const late = cached.ensure(offsetOf(4), 1);
  await until('the pool is held', () => pool.holds === 1);
  fail();
  await until('it is said', () => fixture.events.some(({ kind }) => kind === 'sync-failed'));
  letGo();
  await late;
  t.ok(isBlockReady(cached.readyMap, offsetOf(4) / 4096));
  t.equal(source.reads.length, 3, 'the second chunk was fetched twice');
  t.same(pool.writers, ['thread', 'thread', 'cache'], 'and kept in memory until it was written');
  t.ok((await cached.read(0, sample.device.length)).equals(sample.device));
  await cached.flush();
  t.ok(readFileSync(cached.path).equals(sample.device));
  await cached.close();
});

t.test('a cache whose blob cannot be closed well frees its directory', async (t) => {
  const { pool } = await openCache(t);
  const directory = `${temporaryDirectory(t)}/cache`;
  const cache = await ChunkCache.open({ directory }, { pool });
  await cache.openBlob(sample.description, new ScriptedSource([sample]));
  const moved = `${directory}-moved`;
  renameSync(directory, moved);
  // What looks at its files hears that this is no directory.
  writeFileSync(directory, '');
  await t.rejects(cache.close(), { code: 'ENOTDIR' });
  const again = await ChunkCache.open({ directory: moved }, { pool });
  await again.close();
});

t.test('tables larger than one job are hashed in pieces', async (t) => {
  const bytes = Buffer.from('0123456789');
  t.ok((await hashInPieces(bytes, 10)).equals(sha256(bytes)));
  const pieces = ['0123', '4567', '89'].map((piece) => sha256(Buffer.from(piece)));
  t.ok((await hashInPieces(bytes, 4)).equals(sha256(Buffer.concat(pieces))));
  t.equal(bytes.toString(), '0123456789', "they stay the caller's");
  const long = Buffer.alloc(HASH_HERE_BYTES_MAX + 1, 'shoal');
  t.ok((await hashInPieces(long)).equals(sha256(long)), 'by another thread');
});
