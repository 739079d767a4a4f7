/** The blobs that mounts share: who comes and goes at the same time does not lose or double one. */
import type { BlobDescription, BlobSource, CachedBlob } from '@shoal/blob-store';
import { parseBlobId } from '@shoal/oci';
import t from 'tap';
import { type BlobCache, BlobPool } from '../src/blobs/blob-pool.ts';
import { silentLog } from '../src/service-log.ts';
import { cachedBlob } from './support/cached-blob.ts';

const BLOB_ID = parseBlobId('ab'.repeat(32));
// The caches of this test look at nothing of it.
const DESCRIPTION = { blobId: BLOB_ID } as BlobDescription;

function use(owner: string, cacheDirectory = '/cache') {
  return { owner, cacheDirectory, missPolicy: { kind: 'wait' } } as const;
}

function cacheOf(open: () => CachedBlob): BlobCache {
  return { openBlob: async () => open(), close: () => Promise.resolve() };
}

t.test('a blob that is opened while its last handles close is served once', async (t) => {
  const slow = Promise.withResolvers<void>();
  const closes = [slow.promise, Promise.resolve(), Promise.resolve(), Promise.resolve()];
  const opened = () => ({ ...cachedBlob(), close: () => closes.shift() ?? Promise.resolve() });
  const pool = new BlobPool({ openCache: async () => cacheOf(opened), log: silentLog });
  const first = await pool.acquire(use('one'), DESCRIPTION);
  t.equal(await pool.acquire(use('two'), DESCRIPTION), first);
  const releasing = pool.release('one', first);
  await pool.release('two', first);
  const second = await pool.acquire(use('three'), DESCRIPTION);
  t.not(second, first);
  slow.resolve();
  await releasing;
  t.equal(await pool.acquire(use('four'), DESCRIPTION), second, 'it is still known');
  await pool.close();
});

t.test('a cache that did not open is opened anew, once', async (t) => {
  const sources: BlobSource[] = [];
  let openings = 0;
  const cache: BlobCache = {
    openBlob: async (_, source) => {
      sources.push(source);
      return cachedBlob();
    },
    close: () => Promise.resolve(),
  };
  const pool = new BlobPool({
    openCache: async () => {
      openings += 1;
      if (openings === 1) throw new Error('no directory');
      return cache;
    },
    log: silentLog,
  });
  const tryTwice = async (owner: string) => {
    await t.rejects(pool.acquire(use(owner), DESCRIPTION), { message: 'no directory' });
    return pool.acquire(use(owner), DESCRIPTION);
  };
  await Promise.all([tryTwice('one'), tryTwice('two'), tryTwice('three')]);
  t.equal(openings, 2);
  await pool.close();
});

t.test('closing closes the other caches when one never opened', async (t) => {
  let closed = 0;
  const failure = Promise.withResolvers<BlobCache>();
  const cache: BlobCache = {
    openBlob: async () => cachedBlob(),
    close: async () => {
      closed += 1;
    },
  };
  const pool = new BlobPool({
    openCache: (directory) => (directory === '/bad' ? failure.promise : Promise.resolve(cache)),
    log: silentLog,
  });
  await pool.acquire(use('one'), DESCRIPTION);
  const bad = t.rejects(pool.acquire(use('two', '/bad'), DESCRIPTION), { message: 'bad disk' });
  const closing = pool.close();
  failure.reject(new Error('bad disk'));
  await Promise.all([bad, closing]);
  t.equal(closed, 1);
});
