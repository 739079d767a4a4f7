/** How urgent requests are, as the other side of a wire hears it, and what it makes of that. */
import { createHash } from 'node:crypto';
import { type BlobSource, PRIORITIES, type Priority, RateLimit } from '@shoal/blob-store';
import { parseBlobId } from '@shoal/oci';
import { until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { BLOCK_BYTES_MAX, PIECE_BYTES } from '../src/limits.ts';
import type { BlobWire, ServeCall } from '../src/wire/blob-wire.ts';
import { decodeUrgency, encodeUrgency } from '../src/wire/extension/urgency.ts';
import { foundRight } from './support/found-right.ts';
import { CountingOrigin, PeerCluster, whenReady } from './support/peer-cluster.ts';
import { SourceOrigin } from './support/stalling-registry.ts';
import { BufferServer, patternedBlob, plainPair, tlsPair } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const bytes = patternedBlob(20 << 20);
const blobId = parseBlobId(createHash('sha256').update(bytes).digest('hex'));
const key = { blobId, sizeBytes: bytes.length };

t.setTimeout(120_000);

/** Remembers what it was told of each request. */
class TellingServer extends BufferServer {
  readonly told = new Map<number, Priority>();

  override serve(wire: BlobWire, offset: number, length: number, call?: ServeCall) {
    if (call !== undefined) this.told.set(offset, call.priority);
    return super.serve(wire, offset, length);
  }
}

t.test('a class is one byte, and what comes later counts as background', async (t) => {
  t.same(
    PRIORITIES.map((priority) => [...encodeUrgency(priority)]),
    [[0], [1], [2], [3]],
  );
  for (const priority of PRIORITIES) t.equal(decodeUrgency(encodeUrgency(priority)), priority);
  t.equal(decodeUrgency(Buffer.from([200])), 'background');
  for (const wrong of [Buffer.alloc(0), Buffer.alloc(2)]) {
    t.throws(() => decodeUrgency(wrong), { code: 'ERR_P2P_WIRE_PROTOCOL' });
  }
});

t.test('each request is what its reader says, whatever came before', async (t) => {
  const server = new TellingServer(bytes);
  const { dialled } = await tlsPair(t, server, bytes.length);
  const kinds: Priority[] = [
    ...(['demand', 'background', 'background', 'demand'] as const),
    ...(['preheat', 'prefetch', 'demand', 'prefetch'] as const),
  ];
  for (const [number, priority] of kinds.entries()) {
    await dialled.request(number * 100, 100, { priority });
  }
  t.same([...server.told.values()], kinds);
});

t.test('one who does not know it is not told, and takes all for demand', async (t) => {
  const server = new TellingServer(bytes);
  const { dialled } = await plainPair(t, server, bytes.length);
  await dialled.request(0, 100, { priority: 'background' });
  t.same([...server.told.values()], ['demand']);
  t.equal(dialled.closeReason, undefined);
});

/** A seed that holds all, with a limit of what it sends, and two who read from it. */
async function limitedSeed(t: Test, uploadBytesPerSecond: number) {
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed-1', 'seed', { uploadBytesPerSecond });
  await until('its token is here', () => seed.peer.status().hasToken);
  await seed.peer.source(origin, REPOSITORY).read(key, 0, bytes.length, {
    ...foundRight(0, bytes.length),
  });
  await until('it holds all', () => seed.peer.status().store.bytesSettled === bytes.length);
  const hosts = await Promise.all(
    ['a', 'b'].map((name) => cluster.start(name, 'peer', { seeds: [seed.facts] })),
  );
  await whenReady(...hosts);
  // They meet before anything has to be quick.
  for (const { peer } of hosts) await peer.source(origin, REPOSITORY).read(key, 19 << 20, 1);
  return { origin, hosts };
}

for (const who of ['another host', 'the same host']) {
  t.test(`demand of ${who} goes before 16 MiB of background at a limited server`, async (t) => {
    const { origin, hosts } = await limitedSeed(t, 4 << 20);
    const [a, b] = hosts;
    if (a === undefined || b === undefined) throw new Error('there are two');
    let came = 0;
    const read = (peer: typeof a, offset: number, length: number, priority: Priority) =>
      peer.peer.source(origin, REPOSITORY).read(key, offset, length, {
        priority,
        onFetched: (_, got) => {
          if (priority === 'background') came += got;
        },
      });
    const lazy = Promise.all([0, 4, 8, 12].map((mib) => read(a, mib << 20, 4 << 20, 'background')));
    // What may go at once has gone by then.
    await until('it is under way', () => came >= 5 << 20);
    const before = came;
    const urgent = await read(who === 'another host' ? b : a, 17 << 20, 512 << 10, 'demand');
    const overtaking = came - before;
    t.ok(urgent.equals(bytes.subarray(17 << 20, (17 << 20) + (512 << 10))));
    t.comment(`${overtaking >> 10} KiB of background meanwhile`);
    t.ok(came < 16 << 20, 'background is not through');
    t.ok(overtaking <= 2 << 20, 'a part of it went out meanwhile');
    await lazy;
    t.equal(came, 16 << 20, 'all of it comes');
  });
}

t.test('a home with a limited origin reads first what a program waits for', async (t) => {
  const counted = new CountingOrigin(new Map([[blobId, bytes]]));
  const limit = new RateLimit({ readsPerSecond: 10 });
  const limited: BlobSource = limit.over(counted);
  t.teardown(() => limited.close());
  const cluster = await PeerCluster.open(t, new SourceOrigin(limited, blobId, bytes));
  const seed = await cluster.start('seed-1', 'seed');
  await until('its token is here', () => seed.peer.status().hasToken);
  const dial = (name: string) =>
    cluster.dial(name, seed, { blobId, repository: REPOSITORY, bytes });
  const [a, b] = [await dial('a'), await dial('b')];
  // Each in another piece: none is read with another.
  const block = (wire: BlobWire, piece: number, priority: Priority) =>
    wire.request(piece * PIECE_BYTES, BLOCK_BYTES_MAX, { priority });
  const lazy = Array.from({ length: 12 }, (_, piece) => block(a, piece, 'background'));
  const isRead = (piece: number) =>
    counted.reads.some(({ offset }) => offset === piece * PIECE_BYTES);
  await until('some are read', () => counted.reads.length >= 2);
  const before = counted.reads.length;
  await block(b, 15, 'demand');
  t.ok(isRead(15));
  const meanwhile = counted.reads.length - before;
  t.comment(`${meanwhile} reads`);
  t.ok(meanwhile <= 4, 'before most of the others');
  await Promise.all(lazy);
  const { causes, counts } = seed.peer.status();
  t.equal(counts.homeBytes, 13 * BLOCK_BYTES_MAX);
  t.equal(causes.origin.demand, BLOCK_BYTES_MAX, 'and it is known for whom');
  t.equal(causes.origin.background, 12 * BLOCK_BYTES_MAX);
});
