/** Which blobs are for everybody, and for how long that counts: with a clock of the test's own. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { PUBLIC_PROOF_MS, PUBLIC_RETRY_MS, TORRENT_RETRY_MS } from '../src/limits.ts';
import { PublicBlobs } from '../src/plain/public-blobs.ts';
import { SharedImages } from '../src/store/shared-images.ts';
import { blobIdOf, PublicRegistry, torrentOf } from './support/public-registry.ts';
import { storeFixture } from './support/store-fixture.ts';
import { patternedBlob } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const bytes = patternedBlob(300_000);
const blobId = blobIdOf(bytes);
const torrent = torrentOf(bytes);
const { infohash } = torrent.metainfo;

t.setTimeout(120_000);

async function openScene(t: Parameters<typeof storeFixture>[0]) {
  const store = await storeFixture(t).open();
  const images = new SharedImages();
  const registry = new PublicRegistry();
  registry.torrents.set(blobId, torrent);
  const withdrawn: string[] = [];
  const problems: unknown[] = [];
  let nowMs = 1000;
  const blobs = new PublicBlobs({
    ...{ images, origin: registry, nowMs: () => nowMs },
    openStored: (blob) => store.blob(blob.blobId, blob.sizeBytes),
    makeTorrent: () => Promise.resolve(undefined),
    onWithdrawn: (id) => withdrawn.push(id),
    onProblem: (error) => problems.push(error),
  });
  t.teardown(() => blobs.close());
  const learn = (repository: string) =>
    images.learn({
      ...{ name: `${repository}:1`, repository, manifestDigest: undefined },
      blobs: [{ blobId, sizeBytes: bytes.length }],
    });
  /** Moves the clock, and waits until everything that is due then was asked. */
  const later = async (ms: number) => {
    nowMs += ms;
    const asked = registry.asked;
    blobs.examine();
    await until('it was asked', () => registry.asked > asked);
    await until('it is settled', () => blobs.isIdle);
  };
  return { blobs, registry, withdrawn, problems, learn, later };
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
  const { blobs, registry, learn, later } = await openScene(t);
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

t.test('names are of the repository that they are asked for', (t) => {
  const images = new SharedImages();
  const image = { manifestDigest: undefined, blobs: [{ blobId, sizeBytes: 5 }] };
  images.learn({ ...image, name: 'r/secret:1', repository: 'r/secret' });
  images.learn({ ...image, name: 'r/app:2', repository: 'r/app' });
  t.equal(images.nameOf(blobId, 'r/app'), 'r/app:2');
  t.equal(images.nameOf(blobId, 'r/other'), undefined);
  images.learn({ ...image, name: 'r/app:3', repository: 'r/app' });
  t.equal(images.nameOf(blobId, 'r/app'), 'r/app:3');
  t.end();
});
