/** The plain port of a host: which blobs standard clients get, which they never do, and what may be taken from them. */
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveOnLoopback, until } from '@shoal/test-kit';
import t from 'tap';
import { newPeerId, type PeerId, parsePeerId, peerIdOf } from '../src/identity/peer-id.ts';
import { parseSwarmId, swarmIdOf } from '../src/identity/swarm-id.ts';
import type { Peer } from '../src/peer/peer.ts';
import { PUBLIC_CHECK_MS } from '../src/plain/limits.ts';
import { openPlainWire } from '../src/wire/handshakes/open-plain-wire.ts';
import { foundRight } from './support/found-right.ts';
import { CountingOrigin, PeerCluster } from './support/peer-cluster.ts';
import { blobIdOf, PublicRegistry, torrentOf } from './support/public-registry.ts';
import { handshakeBytes, RawPeer } from './support/raw-peer.ts';
import { BufferServer, PATIENT, patternedBlob, sharedBlob } from './support/wire-pair.ts';

type Tap = Parameters<typeof PeerCluster.open>[0];

const REPOSITORY = 'registry.test/app';
const PIECE = 256 << 10;
const bytes = patternedBlob(5 * PIECE + 4321);
const blobId = blobIdOf(bytes);
const key = { blobId, sizeBytes: bytes.length };
const torrent = torrentOf(bytes);
const { infohash } = torrent.metainfo;
/** As libtorrent writes its own. */
const CLIENT = parsePeerId(Buffer.from('-LT2080-abcdefghijkl').toString('hex'));

t.setTimeout(180_000);

async function openScene(t: Tap, { isPublic = true, isFetching = false, stored = bytes } = {}) {
  const origin = new CountingOrigin(new Map([[blobId, stored]]));
  const cluster = await PeerCluster.open(t, origin);
  const registry = new PublicRegistry();
  registry.blobs.set(blobId, stored);
  if (isPublic) registry.repositories.add(REPOSITORY);
  cluster.publicOrigin = registry;
  const plain = { listenHost: '127.0.0.1', port: 0, bytesPerSecond: 1 << 30, isFetching };
  const start = async () => {
    const host = await cluster.start('node-1', 'peer', { plain });
    await until('it has a token', () => host.peer.status().hasToken);
    return host;
  };
  const { peer } = await start();
  const image = { name: `${REPOSITORY}:1`, repository: REPOSITORY, manifestDigest: undefined };
  const learn = () => peer.learn({ ...image, blobs: [key] });
  const read = async (offset = 0, length = bytes.length - offset) => {
    const found = await peer.source(origin, REPOSITORY).read(key, offset, length, {
      ...foundRight(offset, length),
    });
    if (!found.equals(bytes.subarray(offset, offset + length))) throw new Error('wrong bytes');
  };
  /** As a mount does, by digests. */
  const judge = async (offset: number, length: number) => {
    const verdict = Promise.withResolvers<'right' | 'wrong'>();
    const found = await peer.source(origin, REPOSITORY).read(key, offset, length, {
      onVerdict: (tell) => void verdict.promise.then((judged) => tell(offset, length, judged)),
    });
    const isRight = found.equals(bytes.subarray(offset, offset + length));
    verdict.resolve(isRight ? 'right' : 'wrong');
    return await verdict.promise;
  };
  const status = () => statusOf(peer);
  /** As a mirror reads layers that nobody has converted. */
  const readLayer = async (offset = 0, length = bytes.length - offset) => {
    const source = peer.source(origin, REPOSITORY, 'believing');
    await source.read(key, offset, length, {});
  };
  return { registry, origin, cluster, plain, start, peer, learn, read, judge, readLayer, status };
}

function statusOf(peer: Peer) {
  const { plain } = peer.status();
  if (plain === undefined) throw new Error('there is no plain port');
  return plain;
}

function dial(port: number, held: Buffer = Buffer.alloc(0), selfId: PeerId = CLIENT) {
  return openPlainWire({
    ...{ selfId, address: `127.0.0.1:${port}`, infohash, ...PATIENT },
    torrent: {
      ...sharedBlob(new BufferServer(held), bytes.length, held.length > 0),
      pieceBytes: PIECE,
    },
  });
}

t.test('a public blob with a published torrent: what is held of it', async (t) => {
  const { registry, learn, read, status } = await openScene(t);
  registry.torrents.set(blobId, torrent);
  learn();
  await read(0, 2 * PIECE + 10);
  await until('it is offered', () => status().offered === 1);
  t.match(status().blobs, [
    { blobId, infohash, repository: REPOSITORY, heldBytes: 2 * PIECE + 10 },
  ]);
  const wire = await dial(status().port);
  t.teardown(() => wire.close());
  await until('it has told of whole pieces', () => wire.held.bytes === 2 * PIECE);
  const options = { priority: 'demand' } as const;
  t.ok((await wire.request(PIECE, 1000, options)).equals(bytes.subarray(PIECE, PIECE + 1000)));
  await t.rejects(wire.request(3 * PIECE, 1000, options), { code: 'ERR_P2P_WIRE_REJECTED' });
  await read(2 * PIECE, bytes.length - 2 * PIECE);
  await until('more is told when it comes', () => wire.held.bytes === bytes.length);
  t.ok(
    (await wire.request(3 * PIECE, 1000, options)).equals(
      bytes.subarray(3 * PIECE, 3 * PIECE + 1000),
    ),
  );
  await until('both were sent', () => status().bytesSent === 2000);
});

t.test('a blob without one has the same torrent, once all of it is here', async (t) => {
  const { learn, read, status, registry } = await openScene(t);
  await read();
  learn();
  await until('it is offered', () => status().offered === 1);
  t.equal(status().blobs[0]?.infohash, infohash);
  t.ok(registry.asked > 0);
});

t.test('what no reader reads is fetched where little of it is missing', async (t) => {
  const { learn, read, status, registry } = await openScene(t);
  registry.givesRest = true;
  await read(0, bytes.length - 10_000);
  learn();
  await until('it is offered', () => status().offered === 1);
  t.match(status().blobs, [{ infohash, heldBytes: bytes.length }]);
});

t.test(
  'a layer that nobody has converted, once all of it is here; after a restart, too',
  async (t) => {
    const { registry, readLayer, status, peer, start } = await openScene(t);
    await readLayer(0, PIECE);
    await sleep(2 * PUBLIC_CHECK_MS);
    t.equal(registry.asked, 0, 'of a part nobody is asked');
    await readLayer();
    await until('it is offered', () => status().offered === 1);
    const offer = { blobId, infohash, repository: REPOSITORY, heldBytes: bytes.length };
    t.match(status().blobs, [offer]);
    const wire = await dial(status().port);
    t.teardown(() => wire.close());
    await until('all of it is told', () => wire.held.bytes === bytes.length);
    const block = await wire.request(3 * PIECE, 1000, { priority: 'demand' });
    t.ok(block.equals(bytes.subarray(3 * PIECE, 3 * PIECE + 1000)));
    await peer.close();
    const { peer: again } = await start();
    await until('it is offered again', () => statusOf(again).offered === 1);
    t.match(statusOf(again).blobs, [offer]);
    registry.repositories.clear();
    await again.close();
    const { peer: last } = await start();
    await until('its registry was asked', () => statusOf(last).refused === 1);
    t.equal(statusOf(last).offered, 0, 'what is not public any more is not offered again');
  },
);

t.test('a layer that is private, or is not what its digest says', async (t) => {
  const { registry, readLayer, status } = await openScene(t, { isPublic: false });
  await readLayer();
  await until('its registry was asked', () => status().refused === 1);
  const raw = await RawPeer.dial(status().port);
  raw.send(handshakeBytes(infohash, CLIENT));
  await raw.untilClosed();
  t.equal(raw.receivedBytes, 0);
  t.match(status(), { offered: 0, blobs: [] });
  t.ok(registry.asked > 0);
  const forged = Buffer.from(bytes);
  forged[3 * PIECE] = 0;
  const wrong = await openScene(t, { stored: forged });
  await wrong.readLayer();
  await until('its registry was asked', () => wrong.registry.asked > 0);
  await sleep(3 * PUBLIC_CHECK_MS);
  t.match(wrong.status(), { offered: 0, refused: 0 }, 'though the registry gives the same');
});

t.test('what a home has fetched for others', async (t) => {
  const { cluster, plain, origin } = await openScene(t);
  const seed = await cluster.start('seed-1', 'seed', { plain });
  const { peer } = await cluster.start('node-2', 'peer', { seeds: [seed.facts] });
  await until('they have tokens', () => peer.status().hasToken && seed.peer.status().hasToken);
  await peer.source(origin, REPOSITORY, 'believing').read(key, 0, bytes.length, {});
  await until('it is offered', () => statusOf(seed.peer).offered === 1);
  t.match(statusOf(seed.peer).blobs, [{ infohash, repository: REPOSITORY }]);
});

t.test('what is private is unknown', async (t) => {
  const { registry, learn, read, status } = await openScene(t, { isPublic: false });
  registry.torrents.set(blobId, torrent);
  learn();
  await read();
  await until('its registry was asked', () => registry.asked > 0);
  const answers: number[] = [];
  // Its torrent, one that nobody has, and the id that hosts of ours meet under.
  for (const asked of [infohash, parseSwarmId('00'.repeat(20)), swarmIdOf(blobId)]) {
    const raw = await RawPeer.dial(status().port);
    raw.send(handshakeBytes(asked, CLIENT));
    await raw.untilClosed();
    answers.push(raw.receivedBytes);
  }
  t.same(answers, [0, 0, 0]);
  t.same(
    { ...status(), port: 0 },
    { port: 0, wires: 0, offered: 0, blobs: [], refused: 1, bytesSent: 0 },
  );
});

t.test('a client that has the bytes is a source where that is wanted', async (t) => {
  const { registry, learn, read, status, peer } = await openScene(t, { isFetching: true });
  registry.torrents.set(blobId, torrent);
  learn();
  await read(0, 10);
  await until('it is offered', () => status().offered === 1);
  const wire = await dial(status().port, bytes);
  t.teardown(() => wire.close());
  await until('reads know it', () => peer.status().wires === 1);
  // What it holds is heard a moment later.
  let at = PIECE;
  await until('it has sent some', async () => {
    await read(at, 1000);
    at += 1000;
    return peer.status().traffic.other > 0;
  });
  await t.resolves(read(), 'and all bytes are right');
});

t.test('a liar leaves, and is no source by another id', async (t) => {
  const { registry, learn, read, status, peer, judge } = await openScene(t, { isFetching: true });
  registry.torrents.set(blobId, torrent);
  learn();
  await read(0, 10);
  await until('it is offered', () => status().offered === 1);
  const wrong = Buffer.alloc(bytes.length, 0xee);
  const liar = await dial(status().port, wrong);
  t.teardown(() => liar.close());
  await until('reads know it', () => peer.status().wires === 1);
  let at = PIECE;
  await until('it has lied', async () => {
    at += 1000;
    return (await judge(at, 1000)) === 'wrong';
  });
  t.equal(await judge(at, 1000), 'right', 'they come from the registry then');
  // What it sent is compared with these.
  await liar.closed;
  t.match(peer.status().counts.bans, { lied: 1 });
  const again = await dial(status().port, wrong, newPeerId());
  t.teardown(() => again.close());
  await until('it gets what is offered', () => status().wires === 1);
  await sleep(2 * PUBLIC_CHECK_MS);
  t.equal(peer.status().wires, 0, 'and reads do not ask it');
  t.equal(await judge(at + 5000, 1000), 'right');
});

t.test('not where it is not wanted, and nobody is taken for a host of ours', async (t) => {
  for (const isFetching of [false, true]) {
    const { registry, learn, read, status, peer } = await openScene(t, { isFetching });
    registry.torrents.set(blobId, torrent);
    learn();
    await read(0, 10);
    await until('it is offered', () => status().offered === 1);
    const id = isFetching ? peerIdOf(peer.status().self.host) : CLIENT;
    const wire = await dial(status().port, Buffer.alloc(bytes.length), id);
    t.teardown(() => wire.close());
    await read(PIECE, PIECE);
    t.match({ plain: status().wires, other: peer.status().traffic.other }, { plain: 1, other: 0 });
    await wire.close();
  }
});

t.test('a port that is taken is an error', async (t) => {
  const address = await serveOnLoopback(t, createServer());
  const cluster = await PeerCluster.open(t, new CountingOrigin(new Map()));
  cluster.publicOrigin = new PublicRegistry();
  const port = Number(address.split(':').at(-1));
  const plain = { listenHost: '127.0.0.1', port, bytesPerSecond: 1, isFetching: false };
  await t.rejects(cluster.start('node-1', 'peer', { plain }), { code: 'EADDRINUSE' });
});
