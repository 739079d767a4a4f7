/**
 * Hosts that know nothing but a tracker: tokens, each other, and bytes of each other; people see it on
 * the page; and without the tracker everything goes on.
 */
import { createHash } from 'node:crypto';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodecPool } from '@shoal/blob-store';
import { parseBlobId } from '@shoal/oci';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { openPeer } from '../src/peer/open-peer.ts';
import type { Peer } from '../src/peer/peer.ts';
import type { SwarmOverview } from '../src/tracker/index.ts';
import { CountingOrigin } from './support/peer-cluster.ts';
import { ask, makeScene, pageOf, REPOSITORY, urlOf } from './support/tracker-scene.ts';
import { patternedBlob } from './support/wire-pair.ts';

t.setTimeout(300_000);
const bytes = patternedBlob((20 << 20) + 123);
const blobId = parseBlobId(createHash('sha256').update(bytes).digest('hex'));

t.test('a tracker is all that a host has to know', async (t) => {
  const scene = await makeScene(t);
  const trackers = [await scene.tracker(), await scene.tracker()];
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const pool = new CodecPool({ threads: 1 });
  t.teardown(() => pool.close());

  const start = async (host: string, role: 'peer' | 'seed'): Promise<Peer> => {
    await scene.identity(host, role);
    const identityDirectory = join(scene.directory, `${role}-${host}`);
    await copyFile(join(scene.ca, 'token.pub'), join(identityDirectory, 'token.pub'));
    const peer = await openPeer(
      {
        ...{ identityDirectory, listenHost: '127.0.0.1', port: 0, advertiseHost: '127.0.0.1' },
        ...{ zone: 'z', rack: 'r', version: 'test', seeds: [], trackers: trackers.map(urlOf) },
        ...{ directory: join(scene.directory, `store-${host}`), bytesMax: 1 << 30 },
      },
      { originOf: () => origin, pool },
    );
    return scene.keep(peer);
  };
  const read = async (peer: Peer, offset: number, length: number) => {
    const names = new Set<string>();
    const key = { blobId, sizeBytes: bytes.length };
    const read = await peer.source(origin, REPOSITORY).read(key, offset, length, {
      onFetched: (name) => names.add(name),
      onVerdict: (listener) => queueMicrotask(() => listener(offset, length, 'right')),
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

  await trackers[1]?.close();
  t.same(await read(a, 2 << 20, 500_000), ['peer-rack'], 'one of two trackers is enough');
  await b.close();
  await until('who stops is gone at once', async () => (await overview()).hosts.length === 2);
  await trackers[0]?.close();
  t.same(await read(a, 4 << 20, 500_000), ['peer-rack'], 'and none is, too');
});
