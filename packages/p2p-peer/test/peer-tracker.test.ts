/**
 * Hosts that know nothing but a tracker: tokens, each other, and bytes of each other; people see it on
 * the page; and without the tracker everything goes on.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodecPool } from '@shoal/blob-store';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { openPeer } from '../src/peer/open-peer.ts';
import type { Peer } from '../src/peer/peer.ts';
import type { WarmCall } from '../src/peer/preheats.ts';
import type { PreheatOrder } from '../src/tracker/host-report.ts';
import type { SwarmOverview } from '../src/tracker/swarm-overview.ts';
import { foundRight } from './support/found-right.ts';
import { CountingOrigin } from './support/peer-cluster.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { ADMIN_TOKEN, ask, makeScene, pageOf, REPOSITORY, urlOf } from './support/tracker-scene.ts';
import { patternedBlob } from './support/wire-pair.ts';

t.setTimeout(300_000);
const LOOPBACK = { host: '127.0.0.1', port: 0 };
const bytes = patternedBlob((20 << 20) + 123);
const blobId = blobIdOf(bytes);

t.test('a tracker is all that a host has to know', async (t) => {
  const scene = await makeScene(t);
  const trackers = [await scene.tracker(), await scene.tracker()];
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const pool = new CodecPool({ threads: 1 });
  t.teardown(() => pool.close());

  const warmed: string[] = [];
  const warm = async (host: string, { reference }: PreheatOrder, { onProgress }: WarmCall) => {
    onProgress(10, 20);
    if (reference.includes('missing')) throw new Error('no such image');
    warmed.push(`${host} ${reference}`);
    onProgress(20, 20);
  };
  const start = async (host: string, role: 'peer' | 'seed'): Promise<Peer> => {
    await scene.identity(host, role);
    const identityDirectory = join(scene.directory, `${role}-${host}`);
    await copyFile(join(scene.ca, 'token.pub'), join(identityDirectory, 'token.pub'));
    const peer = await openPeer(
      {
        ...{ identityDirectory, listenHost: '127.0.0.1', port: 0, advertise: LOOPBACK },
        ...{ zone: 'z', rack: 'r', version: 'test', seeds: [], trackers: trackers.map(urlOf) },
        ...{ directory: join(scene.directory, `store-${host}`), bytesMax: 1 << 30 },
      },
      {
        originOf: () => ({ origin, isBelieved: true }),
        pool,
        warm: (order, call) => warm(host, order, call),
      },
    );
    return scene.keep(peer);
  };
  const read = async (peer: Peer, offset: number, length: number) => {
    const names = new Set<string>();
    const key = { blobId, sizeBytes: bytes.length };
    const read = await peer.source(origin, REPOSITORY).read(key, offset, length, {
      onFetched: (name) => names.add(name),
      ...foundRight(offset, length),
    });
    t.ok(read.equals(bytes.subarray(offset, offset + length)));
    return [...names];
  };
  const overview = async (): Promise<SwarmOverview> => {
    // Not more often than anybody may ask.
    await sleep(100);
    const [tracker] = trackers;
    const { text } = await ask(`${tracker === undefined ? '' : pageOf(tracker)}/v1/swarm`);
    return JSON.parse(text);
  };

  const seed = await start('seed-1', 'seed');
  const [a, b] = [await start('node-1', 'peer'), await start('node-2', 'peer')];
  const all = [seed, a, b];
  await until('everybody has a token', () => all.every((peer) => peer.status().hasToken));
  await until('everybody knows the others', () => all.every((peer) => peer.status().hosts === 3));
  t.same(await read(a, 0, 500_000), ['peer-rack']);
  t.same(await read(b, 0, 500_000), ['peer-rack']);
  t.equal(origin.bytes, 500_000, 'the origin has given it once');
  await until('the page shows who has what', async () => {
    const { blobs, hosts } = await overview();
    return hosts.length === 3 && (blobs[0]?.holders.length ?? 0) >= 2;
  });
  const { blobs } = await overview();
  t.match(blobs, [{ blob: blobId, repository: REPOSITORY, sizeBytes: bytes.length }]);

  const page = trackers.map(pageOf)[0] ?? '';
  const order = (reference: string) =>
    ask(`${page}/v1/preheats`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reference }),
    });
  await order('registry.example/team/app:1');
  await order('registry.example/team/missing:1');
  await until('every host has carried out both', async () => {
    const { preheats } = await overview();
    const states = preheats.flatMap(({ hosts }) => hosts.map(({ state }) => state)).sort();
    return states.join() === 'done,done,done,failed,failed,failed';
  });
  t.same(
    warmed.sort(),
    ['node-1', 'node-2', 'seed-1'].map((host) => `${host} registry.example/team/app:1`),
    'once each',
  );

  await trackers[1]?.close();
  t.same(await read(a, 2 << 20, 500_000), ['peer-rack'], 'one of two trackers is enough');
  await b.close();
  await until('who stops is gone at once', async () => (await overview()).hosts.length === 2);
  await trackers[0]?.close();
  t.same(await read(a, 4 << 20, 500_000), ['peer-rack'], 'and none is, too');
});
