/** Readers without digests of their own: whole pieces, of homes or as homes say they must be. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { PIECE_BYTES } from '../src/limits.ts';
import type { BlobWire, WireServer } from '../src/wire/blob-wire.ts';
import {
  type ClusterHost,
  CountingOrigin,
  PeerCluster,
  whenReady,
} from './support/peer-cluster.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { patternedBlob } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const bytes = patternedBlob(3 * PIECE_BYTES + 4321);
const blobId = blobIdOf(bytes);
const key = { blobId, sizeBytes: bytes.length };

t.setTimeout(120_000);

function openOrigin(): CountingOrigin {
  return new CountingOrigin(new Map([[blobId, bytes]]));
}

async function read(
  { peer }: ClusterHost,
  origin: CountingOrigin,
  offset = 0,
  length = bytes.length - offset,
) {
  const sources = new Set<string>();
  const source = peer.source(origin, REPOSITORY, 'believing');
  const found = await source.read(key, offset, length, { onFetched: (name) => sources.add(name) });
  return { isRight: found.equals(bytes.subarray(offset, offset + length)), sources: [...sources] };
}

t.test('a part of a piece brings the piece, from its home, once for all', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const { a, b } = await cluster.startThree();
  const hosts = [a, b];
  for (const host of hosts) {
    t.same(await read(host, origin, PIECE_BYTES + 10, 100), {
      isRight: true,
      sources: ['peer-rack'],
    });
  }
  t.equal(origin.bytes, PIECE_BYTES);
  const both = await Promise.all(hosts.map((host) => read(host, origin)));
  t.ok(both.every(({ isRight }) => isRight));
  t.equal(origin.bytes, bytes.length, 'each byte once');
});

t.test('whoever watches hears of each block, of what others asked for too', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed-1', 'seed');
  const host = await cluster.start('a', 'peer', { seeds: [seed.facts] });
  await whenReady(seed, host);
  const source = host.peer.source(origin, REPOSITORY, 'believing');
  const signs = [0, 0, 0];
  const read = (reader: number, offset: number) =>
    source.read(key, offset, 100, {
      onProgress: () => {
        signs[reader] = (signs[reader] ?? 0) + 1;
      },
    });
  await Promise.all([read(0, 0), read(1, 500_000), read(2, PIECE_BYTES)]);
  t.ok(
    signs.every((count) => count > 1),
    signs.join(' '),
  );
  t.equal(signs[0], signs[1], 'the same piece');
  await read(0, 0);
  t.equal(signs[0], signs[1], 'of what is held there is nothing to tell');
});

t.test('without seeds and peers it comes from the origin, in whole pieces', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const alone = await cluster.start('alone', 'peer');
  await whenReady(alone);
  t.same(await read(alone, origin, 5, 10), { isRight: true, sources: ['registry'] });
  t.equal(origin.bytes, PIECE_BYTES);
  await until('it is held', () => alone.peer.status().store.bytesSettled === PIECE_BYTES);
  t.same(await read(alone, origin, 5, 10), { isRight: true, sources: [] });
});

t.test('a liar that holds everything changes no byte', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed-1', 'seed');
  let lies = 0;
  const server: WireServer = {
    serve: async (_: BlobWire, __: number, length: number) => {
      lies += 1;
      return { bytes: Buffer.alloc(length, 0xee) };
    },
    hashes: (_, __, count) => Array.from({ length: count }, () => Buffer.alloc(32, 7)),
    onHeld: () => undefined,
    onNeighbours: () => undefined,
  };
  const held = () => [{ start: 0, end: bytes.length }];
  const liar = await cluster.startWire('liar', { blobBytes: bytes.length, server, held }, 'peer');
  const seeds = [seed.facts, liar];
  const first = await cluster.start('a', 'peer', { seeds });
  await whenReady(seed, first);
  t.ok((await read(first, origin)).isRight, 'the home has told no hash yet: it is asked itself');
  t.equal(lies, 0);
  // Whoever asks makes the home compute the hashes: the next one hears of them.
  for (let number = 0; lies === 0 && number < 20; number++) {
    const host = await cluster.start(`b-${number}`, 'peer', { seeds });
    await whenReady(host);
    t.ok((await read(host, origin, 0, 10)).isRight, 'it has wires now');
    await until('the liar is a neighbour', () => host.peer.status().wires >= 2);
    t.ok((await read(host, origin)).isRight, 'right, whoever was asked');
  }
  t.ok(lies > 0, 'the liar was asked, and what it sent compared');
  t.equal(origin.bytes, bytes.length);
});

t.test('a piece is given while another one of the same read is on its way', async (t) => {
  const letGo = Promise.withResolvers<void>();
  const origin = new (class extends CountingOrigin {
    override async read(...[blob, offset, length, options]: Parameters<CountingOrigin['read']>) {
      if (offset === PIECE_BYTES) await letGo.promise;
      return await super.read(blob, offset, length, options);
    }
  })(new Map([[blobId, bytes]]));
  const cluster = await PeerCluster.open(t, origin);
  const alone = await cluster.start('alone', 'peer');
  await whenReady(alone);
  const source = alone.peer.source(origin, REPOSITORY, 'believing');
  const [first, second, third] = [0, 1, 2].map((piece) =>
    source.read(key, piece * PIECE_BYTES + 10, 100),
  );
  t.same(await first, bytes.subarray(10, 110));
  t.same(await third, bytes.subarray(2 * PIECE_BYTES + 10, 2 * PIECE_BYTES + 110));
  letGo.resolve();
  t.same(await second, bytes.subarray(PIECE_BYTES + 10, PIECE_BYTES + 110));
  t.equal(origin.bytes, 3 * PIECE_BYTES, 'each byte once');
});
