/** Which blobs are for everybody, and for how long that counts: with a clock of the test's own. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import {
  PUBLIC_CHECK_MS,
  PUBLIC_PROOF_MS,
  PUBLIC_RETRY_MS,
  PUBLIC_WINDOW_BYTES,
  PUBLIC_WINDOWS_MIN,
  TORRENT_RETRY_MS,
} from '../src/plain/limits.ts';
import { PublicBlobs } from '../src/plain/public-blobs.ts';
import { SharedImages } from '../src/store/shared-images.ts';
import type { TorrentFile } from '../src/torrent/torrent-file.ts';
import { blobIdOf, PublicRegistry, torrentOf } from './support/public-registry.ts';
import { storeFixture } from './support/store-fixture.ts';
import { patternedBlob } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const bytes = patternedBlob(300_000);
const blobId = blobIdOf(bytes);
const torrent = torrentOf(bytes);
const { infohash } = torrent.metainfo;

t.setTimeout(120_000);

type Range = { readonly start: number; readonly end: number };
const ALL: Range = { start: 0, end: bytes.length };

async function openScene(t: Parameters<typeof storeFixture>[0], held: Range = ALL, options = {}) {
  const store = await storeFixture(t).open();
  const stored = await store.blob(blobId, bytes.length);
  t.teardown(() => stored.close());
  const hold = async ({ start, end }: Range) => {
    await stored.write(start, bytes.subarray(start, end));
    stored.settle(start, end - start, 'right');
  };
  if (held.end > held.start) await hold(held);
  const images = new SharedImages();
  const registry = new PublicRegistry();
  registry.torrents.set(blobId, torrent);
  registry.blobs.set(blobId, bytes);
  const withdrawn: string[] = [];
  const problems: unknown[] = [];
  let nowMs = 1000;
  const blobs = new PublicBlobs({
    ...{ images, origin: registry, nowMs: () => nowMs },
    openStored: (blob) => store.knownBlob(blob.blobId, blob.sizeBytes),
    madeTorrent: () => registry.torrents.get(blobId),
    onProven: () => undefined,
    onWithdrawn: (id) => withdrawn.push(id),
    onProblem: (error) => problems.push(error),
    ...options,
  });
  t.teardown(() => blobs.close());
  const learn = (repository: string, sizeBytes = bytes.length) =>
    images.learn({
      ...{ name: `${repository}:1`, repository, manifestDigest: undefined },
      blobs: [{ blobId, sizeBytes }],
    });
  /** Moves the clock, and waits until everything that is due then was asked. */
  const later = async (ms: number) => {
    nowMs += ms;
    const asked = registry.asked;
    blobs.examine();
    await until('it was asked', () => registry.asked > asked);
    await until('it is settled', () => blobs.isIdle);
  };
  /** The same where nobody may be asked. */
  const settle = async (ms: number) => {
    nowMs += ms;
    blobs.examine();
    await until('it is settled', () => blobs.isIdle);
  };
  return { settle, blobs, registry, withdrawn, problems, learn, later, hold };
}

t.test('it counts for a while, and is asked again', async (t) => {
  const { blobs, registry, withdrawn, problems, learn, later } = await openScene(t);
  registry.repositories.add(REPOSITORY);
  learn(REPOSITORY);
  await later(0);
  t.equal(blobs.get(infohash)?.repository, REPOSITORY);
  t.equal(blobs.all().length, 1);
  await later(PUBLIC_PROOF_MS / 2);
  registry.isDown = true;
  await later(PUBLIC_PROOF_MS / 2);
  t.ok(blobs.get(infohash), 'no answer is no refusal');
  t.equal(problems.length, 1);
  await later(PUBLIC_PROOF_MS / 2);
  t.equal(blobs.get(infohash), undefined, 'but does not count for long');
  t.same(withdrawn, [infohash]);
  registry.isDown = false;
  await later(TORRENT_RETRY_MS);
  t.ok(blobs.get(infohash), 'until it answers again');
  registry.repositories.clear();
  await later(PUBLIC_PROOF_MS / 2);
  t.equal(blobs.get(infohash), undefined, 'a refusal counts at once');
  t.same(withdrawn, [infohash, infohash]);
  registry.repositories.add(REPOSITORY);
  await later(PUBLIC_RETRY_MS);
  t.ok(blobs.get(infohash));
});

t.test('one public repository of several is enough, and a torrent is needed', async (t) => {
  const { blobs, registry, learn, later } = await openScene(t, { start: 0, end: 200_000 });
  registry.repositories.add(REPOSITORY);
  registry.torrents.clear();
  learn(REPOSITORY);
  learn('registry.test/secret');
  await later(0);
  t.same(blobs.all(), [], 'nobody has a torrent of it');
  registry.torrents.set(blobId, torrent);
  await later(TORRENT_RETRY_MS);
  t.match(blobs.all(), [{ infohash, repository: REPOSITORY }]);
});

t.test('a registry that gives other bytes of a private blob is none that has it', async (t) => {
  const { blobs, registry, learn, later } = await openScene(t);
  registry.repositories.add('evil.test/app');
  learn('evil.test/app');
  // It knows the beginning, which no window lies in as a whole.
  const forged = Buffer.from(bytes);
  forged.fill(0xee, PUBLIC_WINDOW_BYTES - 1);
  registry.blobs.set(blobId, forged);
  await later(0);
  t.same(blobs.all(), [], 'nor with a torrent that is real');
  t.equal(blobs.refusedCount, 1);
  const [asked] = registry.windows;
  t.equal(asked?.length, PUBLIC_WINDOWS_MIN);
  t.ok(asked?.every(({ start, end }) => end - start === PUBLIC_WINDOW_BYTES));
  registry.isDown = true;
  await later(PUBLIC_RETRY_MS);
  registry.isDown = false;
  await later(PUBLIC_RETRY_MS);
  t.ok(registry.windows.length >= 3);
  for (const again of registry.windows) t.same(again, asked, 'the question stays the same');
  registry.blobs.set(blobId, bytes);
  await later(PUBLIC_RETRY_MS);
  t.equal(blobs.all().length, 1, 'until somebody knows the answer');
  await later(PUBLIC_PROOF_MS / 2);
  t.notSame(registry.windows.at(-1), asked, 'then others are asked for');
});

t.test(
  'only what is held is asked for and given, and more of it after another answer',
  async (t) => {
    const first = { start: 10_000, end: 30_000 };
    const { blobs, registry, learn, later, hold } = await openScene(t, first);
    registry.repositories.add(REPOSITORY);
    learn(REPOSITORY);
    await later(0);
    const inside =
      ({ start, end }: Range) =>
      (window: Range) =>
        window.start >= start && window.end <= end;
    t.ok(registry.windows[0]?.every(inside(first)));
    t.ok(blobs.get(infohash)?.proven.covers(first));
    const more = { start: 30_000, end: 60_000 };
    await hold(more);
    t.notOk(blobs.get(infohash)?.proven.covers(more));
    await later(TORRENT_RETRY_MS);
    t.ok(registry.windows[1]?.every(inside(more)));
    t.ok(blobs.get(infohash)?.proven.covers({ start: 10_000, end: 60_000 }));
    // It has the beginning of the blob only.
    registry.blobs.set(blobId, Buffer.concat([bytes.subarray(0, 60_000), Buffer.alloc(240_000)]));
    const last = { start: 100_000, end: 150_000 };
    await hold(last);
    await later(TORRENT_RETRY_MS);
    t.equal(blobs.get(infohash), undefined, 'a wrong answer ends it');
  },
);

t.test('of nothing, and of a blob with another size, nothing is offered', async (t) => {
  const { blobs, registry, learn } = await openScene(t, { start: 0, end: 0 });
  registry.repositories.add(REPOSITORY);
  learn(REPOSITORY);
  learn('evil.test/app', 17);
  blobs.examine();
  await until('it is settled', () => blobs.isIdle);
  t.same([blobs.all(), registry.asked, blobs.refusedCount], [[], 0, 0]);
});

t.test('blobs that are asked for in vain keep no other waiting', async (t) => {
  const { blobs, registry, learn, settle } = await openScene(t);
  registry.repositories.add(REPOSITORY);
  // What was learnt last is looked at first.
  learn(REPOSITORY);
  for (let size = 1; size <= 10; size++) learn('registry.test/other', size);
  for (let tries = 0; tries < 5; tries++) {
    t.equal(registry.asked, 0);
    await settle(PUBLIC_CHECK_MS);
  }
  await settle(PUBLIC_CHECK_MS);
  t.match(blobs.all(), [{ infohash }], 'it has its turn after them');
});

t.test('torrents that no conversion makes, and too many, are not offered', async (t) => {
  const odd = await openScene(t, { start: 0, end: 200_000 });
  odd.registry.repositories.add(REPOSITORY);
  odd.registry.torrents.set(blobId, torrentOf(bytes, { pieceBytes: 16 << 10 }));
  odd.learn(REPOSITORY);
  await odd.later(0);
  t.same(odd.blobs.all(), []);
  t.match(odd.problems.at(-1), { code: 'ERR_P2P_METAINFO' });
  const full = await openScene(t, ALL, { infoBytesMax: 100 });
  full.registry.repositories.add(REPOSITORY);
  full.learn(REPOSITORY);
  await full.later(0);
  t.same(full.blobs.all(), []);
});

t.test('what was hashed here counts, not what somebody has published', async (t) => {
  const made: { torrent?: TorrentFile | undefined } = {};
  const options = { madeTorrent: () => made.torrent };
  const forged = torrentOf(Buffer.alloc(bytes.length), { blobId });
  t.not(forged.metainfo.infohash, infohash);
  const whole = await openScene(t, ALL, options);
  whole.registry.repositories.add(REPOSITORY);
  whole.registry.torrents.set(blobId, forged);
  whole.learn(REPOSITORY);
  await whole.later(0);
  t.same(whole.blobs.all(), [], 'of a whole blob it is waited for');
  made.torrent = torrent;
  await whole.settle(TORRENT_RETRY_MS);
  t.match(whole.blobs.all(), [{ infohash }]);

  made.torrent = undefined;
  const part = await openScene(t, { start: 0, end: 200_000 }, options);
  part.registry.repositories.add(REPOSITORY);
  part.registry.torrents.set(blobId, forged);
  part.learn(REPOSITORY);
  await part.later(0);
  t.match(part.blobs.all(), [{ infohash: forged.metainfo.infohash }], 'of a part nothing is known');
  await part.hold({ start: 200_000, end: 256 << 10 });
  await part.later(TORRENT_RETRY_MS);
  t.same(part.blobs.all(), [], 'until a whole piece is held, which has another hash');
  t.match(part.problems.at(-1), { code: 'ERR_P2P_METAINFO' });
  await part.later(TORRENT_RETRY_MS);
  t.same(part.blobs.all(), [], 'it is not offered again');
  await part.hold({ start: 256 << 10, end: bytes.length });
  made.torrent = torrent;
  await part.settle(TORRENT_RETRY_MS);
  t.match(part.blobs.all(), [{ infohash, isMade: true }]);
  t.equal(part.blobs.all().length, 1);
  t.same(part.withdrawn, [forged.metainfo.infohash]);
  t.equal(part.blobs.get(forged.metainfo.infohash), undefined);
});

t.test('what was published rightly stays offered when the blob is whole', async (t) => {
  // Two of them have no room beside each other.
  const infoBytesMax = torrent.bytes.length * 1.5;
  const scene = await openScene(t, { start: 0, end: 200_000 }, { infoBytesMax });
  scene.registry.repositories.add(REPOSITORY);
  scene.learn(REPOSITORY);
  await scene.later(0);
  t.match(scene.blobs.all(), [{ infohash, isMade: false }]);
  await scene.hold({ start: 200_000, end: bytes.length });
  await scene.later(TORRENT_RETRY_MS);
  t.match(scene.blobs.all(), [{ infohash, isMade: true }]);
  t.same(scene.withdrawn, [], 'nobody had to leave');
});

t.test('an image with a wrong size of a blob takes no place from others', (t) => {
  const images = new SharedImages();
  const image = { name: 'r/app:1', repository: 'r/app', manifestDigest: undefined };
  const [right, wrong] = [
    { blobId, sizeBytes: 5 },
    { blobId, sizeBytes: 6 },
  ];
  images.learn({ ...image, blobs: [right] });
  images.learn({ ...image, name: 'r/evil:1', repository: 'r/evil', blobs: [wrong] });
  t.match(images.placesOf(right), [{ repository: 'r/app' }]);
  t.match(images.placesOf(wrong), [{ repository: 'r/evil' }]);
  t.equal(images.blobs().length, 2);
  t.end();
});

t.test('names are of the repository that they are asked for', (t) => {
  const images = new SharedImages();
  const blob = { blobId, sizeBytes: 5 };
  const image = { manifestDigest: undefined, blobs: [blob] };
  images.learn({ ...image, name: 'r/secret:1', repository: 'r/secret' });
  images.learn({ ...image, name: 'r/app:2', repository: 'r/app' });
  t.equal(images.nameOf(blob, 'r/app'), 'r/app:2');
  t.equal(images.nameOf(blob, 'r/other'), undefined);
  images.learn({ ...image, name: 'r/app:3', repository: 'r/app' });
  t.equal(images.nameOf(blob, 'r/app'), 'r/app:3');
  t.end();
});
