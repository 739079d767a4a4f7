/** Blobs without an image: which are remembered, and whose torrents are made of what is here. */
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { READ_BLOBS_MAX, TORRENT_WRONG_RETRY_MS } from '../src/plain/limits.ts';
import { ReadBlobs } from '../src/plain/read-blobs.ts';
import { TorrentMaker } from '../src/plain/torrent-maker.ts';
import type { CompressedStore } from '../src/store/compressed-store.ts';
import { blobIdOf, torrentOf } from './support/public-registry.ts';
import { storeFixture } from './support/store-fixture.ts';
import { patternedBlob } from './support/wire-pair.ts';

t.setTimeout(120_000);

const REPOSITORY = 'registry.test/app';
const bytes = patternedBlob(600_000);
const blob = { blobId: blobIdOf(bytes), sizeBytes: bytes.length };

/** As a reader does who believes what he was given. */
async function hold(store: CompressedStore, given: Buffer, end = given.length): Promise<void> {
  await using stored = await store.blob(blob.blobId, blob.sizeBytes);
  const deposit = stored.deposit();
  await deposit.write(0, given.subarray(0, end));
  deposit.settle(0, end, 'right');
  deposit.close();
  await store.flush();
}

t.test('those that are here as a whole, for as long as they are', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  const read = await ReadBlobs.open(store);
  read.learn(blob, REPOSITORY);
  read.learn(blob, 'registry.test/other');
  t.same(read.whole(), [], 'nothing is here');
  await hold(store, bytes, 1000);
  t.same(read.whole(), [], 'some is here');
  await hold(store, bytes);
  t.same(read.whole(), [blob]);
  t.same(
    read.placesOf(blob).map(({ repository }) => repository),
    ['registry.test/other', REPOSITORY],
  );
  await store.close();
  const next = await fixture.open();
  const known = await ReadBlobs.open(next);
  t.same(known.whole(), [blob], 'after a restart as well');
  t.equal(known.placesOf(blob).length, 2);
  await next.evict(Number.MAX_SAFE_INTEGER);
  t.same(known.whole(), []);
  await next.close();
  const last = await fixture.open();
  t.same(await last.places.read(), [], 'what is gone is forgotten');
});

t.test('a record that makes no sense, and one of another size', async (t) => {
  const store = await storeFixture(t).open();
  await hold(store, bytes);
  const { blobId, sizeBytes } = blob;
  await store.places.keep({ blobId, sizeBytes: sizeBytes + 1, repositories: [REPOSITORY] });
  t.same(await store.places.read(), []);
  const repositories = Array.from({ length: 100 }, (_, number) => `registry.test/a${number}`);
  await store.places.keep({ ...blob, repositories });
  t.same(await store.places.read(), [], 'more places than are ever written');
  await store.places.keep({ ...blob, repositories: [REPOSITORY] });
  t.same(await store.places.read(), [{ ...blob, repositories: [REPOSITORY] }]);
});

t.test('so many, and of registries only', async (t) => {
  const store = await storeFixture(t).open();
  const read = await ReadBlobs.open(store);
  for (const name of ['https:files.test/model', 'http:files.test/model', 'no', 'Not/good', '']) {
    read.learn(blob, name);
    t.same(read.placesOf(blob), [], name);
  }
  read.learn(blob, REPOSITORY);
  for (let number = 0; number < READ_BLOBS_MAX; number++) {
    const other = { blobId: blobIdOf(Buffer.from(String(number))), sizeBytes: 1 };
    read.learn(other, REPOSITORY);
  }
  t.same(read.placesOf(blob), []);
});

t.test('torrents are made of right bytes, slowly, and once', async (t) => {
  const { open, pool } = storeFixture(t);
  const store = await open();
  const made: unknown[] = [];
  let nowMs = 1000;
  const maker = new TorrentMaker({
    ...{ pool, nowMs: () => nowMs, onProblem: (error) => t.fail(String(error)) },
    openStored: ({ blobId, sizeBytes }) => store.knownBlob(blobId, sizeBytes),
    onMade: (which) => made.push(which),
  });
  t.teardown(() => maker.close());
  const ask = async () => {
    const found = maker.take(blob);
    await until('it has tried', () => maker.isIdle);
    return found;
  };
  await ask();
  t.same(made, [], 'nothing is here');
  const forged = Buffer.from(bytes);
  forged[400_000] = 0xee;
  await hold(store, forged);
  await ask();
  t.same(made, [], 'it is not what its digest says');
  await store.evict(Number.MAX_SAFE_INTEGER);
  await hold(store, bytes);
  const { bytesRead } = store.stats();
  await ask();
  t.same([made.length, store.stats().bytesRead], [0, bytesRead], 'nor is it asked again soon');
  nowMs += TORRENT_WRONG_RETRY_MS;
  t.equal(await ask(), undefined);
  t.same(made, [blob]);
  t.same((await ask())?.bytes, torrentOf(bytes).bytes, 'the same as a conversion makes');
  await using stored = await store.blob(blob.blobId, blob.sizeBytes);
  t.equal(stored.isComplete, true);
});

t.test(
  'what was right once is compared again, and given up when its disk has changed it',
  async (t) => {
    const fixture = storeFixture(t);
    const { pool, directory } = fixture;
    const store = await fixture.open();
    await hold(store, bytes);
    await using stored = await store.blob(blob.blobId, blob.sizeBytes);
    t.equal(await stored.completeBlob(() => Promise.resolve()), 'right');
    const made: unknown[] = [];
    const maker = new TorrentMaker({
      ...{ pool, nowMs: () => performance.now(), onProblem: () => undefined },
      openStored: ({ blobId, sizeBytes }) => store.knownBlob(blobId, sizeBytes),
      onMade: (which) => made.push(which),
    });
    t.teardown(() => maker.close());
    maker.take(blob);
    await until('it is made', () => made.length === 1);
    t.equal(maker.take(blob)?.metainfo.infohash, torrentOf(bytes).metainfo.infohash);
    const files = readdirSync(directory, { recursive: true, encoding: 'utf8' });
    const file = files.find((name) => name.endsWith(blob.blobId));
    if (file === undefined) throw new Error('it has no file');
    const descriptor = openSync(join(directory, file), 'r+');
    writeSync(descriptor, Buffer.from('damage'), 0, 6, 300_000);
    closeSync(descriptor);
    maker.take(blob);
    await until('it was looked at', () => maker.isIdle);
    t.equal(made.length, 1);
    t.equal(stored.held.bytes, 0);
  },
);
