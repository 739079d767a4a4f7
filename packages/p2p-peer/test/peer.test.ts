/** Hosts that read the same blob: from whom they have it, what the origin gives, what limits let through. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { foundRight } from './support/found-right.ts';
import {
  type ClusterHost,
  CountingOrigin,
  PeerCluster,
  whenReady,
} from './support/peer-cluster.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { patternedBlob } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const bytes = patternedBlob((40 << 20) + 12_345);
const blobId = blobIdOf(bytes);
const key = { blobId, sizeBytes: bytes.length };
const part = (offset: number, length: number) => bytes.subarray(offset, offset + length);

t.test('what one host has read another has from it, and the origin gives it once', async (t) => {
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const cluster = await PeerCluster.open(t, origin);
  const { a, b } = await cluster.startThree();
  const read = async (host: ClusterHost, offset: number, length: number) => {
    const source = host.peer.source(origin, REPOSITORY);
    const names = new Set<string>();
    const read = await source.read(key, offset, length, {
      onFetched: (name) => names.add(name),
      ...foundRight(offset, length),
    });
    return { isRight: read.equals(part(offset, length)), names: [...names] };
  };
  t.same(await read(a, 100_000, 700_000), { isRight: true, names: ['peer-rack'] });
  t.equal(origin.bytes, 700_000, 'the home has fetched exactly that');
  t.same(await read(b, 100_000, 700_000), { isRight: true, names: ['peer-rack'] });
  t.equal(origin.bytes, 700_000, 'and not again');
  await until('it is held here', () => b.peer.status().store.bytesSettled === 700_000);
  t.same(await read(b, 100_000, 700_000), { isRight: true, names: [] });
  const all = [a, b].map((host) => read(host, 20 << 20, 5 << 20));
  t.ok((await Promise.all(all)).every(({ isRight }) => isRight));
  t.equal(origin.bytes, 700_000 + (5 << 20), 'asked for together: once');
});

t.test('hosts that know the same seed meet each other, and go on without it', async (t) => {
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const cluster = await PeerCluster.open(t, origin);
  const { seed, a, b } = await cluster.startThree();
  const hosts = [a, b];
  const read = async ({ peer }: ClusterHost, offset: number, length: number) => {
    const names = new Set<string>();
    const read = await peer.source(origin, REPOSITORY).read(key, offset, length, {
      onFetched: (name) => names.add(name),
      ...foundRight(offset, length),
    });
    t.ok(read.equals(part(offset, length)));
    return [...names].join();
  };
  for (const host of hosts) await read(host, 0, 1 << 20);
  await until('they have met', () => hosts.every(({ peer }) => peer.status().hosts === 3));
  await seed.peer.close();
  // What one holds is told to the other a moment later.
  let offset = 16 << 20;
  await until('what one has read the other has from it', async () => {
    offset += 100_000;
    await read(a, offset, 100_000);
    return (await read(b, offset, 100_000)) === 'peer-rack';
  });
});

t.test('what is sent, and what is fetched, keeps to the limits', async (t) => {
  const bytesPerSecond = 4 << 20;
  for (const limited of ['seed', 'peer'] as const) {
    const origin = new CountingOrigin(new Map([[blobId, bytes]]));
    const cluster = await PeerCluster.open(t, origin);
    const upload = limited === 'seed' ? { uploadBytesPerSecond: bytesPerSecond } : {};
    const download = limited === 'peer' ? { downloadBytesPerSecond: bytesPerSecond } : {};
    const seed = await cluster.start('seed-1', 'seed', upload);
    const a = await cluster.start('a', 'peer', { seeds: [seed.facts], ...download });
    await whenReady(seed, a);
    const startedAtMs = performance.now();
    for (let offset = 0; offset < 16 << 20; offset += 1 << 20) {
      const read = await a.peer.source(origin, REPOSITORY).read(key, offset, 1 << 20, {
        ...foundRight(offset, 1 << 20),
      });
      t.ok(read.equals(part(offset, 1 << 20)));
    }
    // What may go at once is a second's bytes at most.
    t.ok(performance.now() - startedAtMs >= 1900, limited);
    t.equal(origin.bytes, 16 << 20);
  }
});
