/**
 * What hosts tell their trackers: names of images, how long reads waited, and torrents that standard
 * clients then find the host by. Names are for those who see the page, and for nobody else.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodecPool } from '@shoal/blob-store';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { newPeerId } from '../src/identity/peer-id.ts';
import { openPeer } from '../src/peer/open-peer.ts';
import type { SwarmOverview } from '../src/tracker/swarm-overview.ts';
import { foundRight } from './support/found-right.ts';
import { CountingOrigin } from './support/peer-cluster.ts';
import { blobIdOf, PublicRegistry, torrentOf } from './support/public-registry.ts';
import {
  announcePath,
  ask,
  makeScene,
  pageOf,
  REPOSITORY,
  urlOf,
} from './support/tracker-scene.ts';
import { patternedBlob } from './support/wire-pair.ts';

t.setTimeout(180_000);
const LOOPBACK = { host: '127.0.0.1', port: 0 };
const PLACE = 'port=6881&uploaded=0&downloaded=0&left=100&compact=1&event=started';
const bytes = patternedBlob(600_000);
const blobId = blobIdOf(bytes);
const torrent = torrentOf(bytes);
const { infohash } = torrent.metainfo;

const SECRET = 'registry.example/other/secret';

/** A host with a plain port, whose blob anybody reads in one repository of two; a tracker that it reports to. */
async function openHost(t: Parameters<typeof makeScene>[0]) {
  const scene = await makeScene(t);
  const tracker = await scene.tracker({ publicRepositories: [REPOSITORY] });
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const registry = new PublicRegistry();
  registry.repositories.add(REPOSITORY);
  registry.blobs.set(blobId, bytes);
  registry.torrents.set(blobId, torrent);
  const pool = new CodecPool({ threads: 1 });
  t.teardown(() => pool.close());
  await scene.identity('node-1', 'peer');
  const identityDirectory = join(scene.directory, 'peer-node-1');
  await copyFile(join(scene.ca, 'token.pub'), join(identityDirectory, 'token.pub'));
  const plain = { listenHost: '127.0.0.1', port: 0, bytesPerSecond: 1 << 30, isFetching: false };
  const peer = await openPeer(
    {
      ...{ identityDirectory, listenHost: '127.0.0.1', port: 0, advertise: LOOPBACK, plain },
      ...{ zone: 'z', rack: 'r', version: 'test', seeds: [], trackers: [urlOf(tracker)] },
      ...{ directory: join(scene.directory, 'store'), bytesMax: 1 << 30 },
    },
    {
      ...{ originOf: () => undefined, pool, publicOrigin: registry },
      missMs: () => ({ p50: 12, p99: 345 }),
      warm: () => Promise.reject(new Error('no images here')),
    },
  );
  scene.keep(peer);
  await until('it has a token', () => peer.status().hasToken);
  const blobs = [{ blobId, sizeBytes: bytes.length }];
  const image = { manifestDigest: undefined, blobs };
  peer.learn({ ...image, name: `${SECRET}:1`, repository: SECRET });
  peer.learn({ ...image, name: `${REPOSITORY}:1.4`, repository: REPOSITORY });
  const read = (repository: string) =>
    peer.source(origin, repository).read({ blobId, sizeBytes: bytes.length }, 0, 1000, {
      ...foundRight(0, 1000),
    });
  const plainUrl = `http://127.0.0.1:${tracker.address('plain')?.port}`;
  const heard = async () => (await ask(plainUrl + announcePath(infohash, newPeerId(), PLACE))).text;
  const port = peer.status().plain?.port ?? 0;
  const place = String.fromCharCode(127, 0, 0, 1, port >> 8, port & 0xff);
  return { tracker, read, heard, place };
}

t.test('names, waits and torrents reach the tracker', async (t) => {
  const { tracker, read, heard, place } = await openHost(t);
  await read(REPOSITORY);
  const overview = async (): Promise<SwarmOverview> =>
    JSON.parse((await ask(`${pageOf(tracker)}/v1/swarm`)).text);
  await until('it has reported', async () => (await overview()).blobs.length === 1);
  const { blobs: shown, slowest, hosts } = await overview();
  t.match(shown, [{ blob: blobId, name: `${REPOSITORY}:1.4`, repository: REPOSITORY }]);
  t.same(slowest, [{ host: 'node-1', p50: 12, p99: 345 }]);
  t.match(hosts, [{ host: 'node-1', missMs: { p50: 12, p99: 345 } }]);
  t.notMatch(
    JSON.stringify(await overview()),
    /secret/,
    'names of other repositories are not told',
  );

  await until('standard clients hear of its plain port', async () =>
    (await heard()).includes(place),
  );
  t.pass('by the torrent that it has reported');
  t.notMatch(await heard(), /node-1|1\.4/, 'and of nothing else');
});

t.test('a torrent is told with the place where anybody reads its blob', async (t) => {
  const { read, heard, place } = await openHost(t);
  await read(SECRET);
  await until('standard clients hear of it all the same', async () =>
    (await heard()).includes(place),
  );
  t.pass('where anybody reads it');
});
