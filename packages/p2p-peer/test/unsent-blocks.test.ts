/** Blocks that were read for somebody and never leave: their memory is given back, and nothing counts them as sent. */
import { setImmediate as turn } from 'node:timers/promises';
import { until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { blockMemory } from '../src/kept-memory.ts';
import { BLOCK_BYTES_MAX, PIECE_BYTES } from '../src/limits.ts';
import { PeerCounts } from '../src/peer-counts.ts';
import type { Upload } from '../src/select/upload-slots.ts';
import { Uploads } from '../src/select/uploads.ts';
import { HomeGate } from '../src/swarm/home-gate.ts';
import { SwarmServer } from '../src/swarm/swarm-server.ts';
import { UploadPace } from '../src/swarm/upload-pace.ts';
import type { BlockGone } from '../src/wire/blob-wire.ts';
import type { PlacedBlock } from '../src/wire/blocks/piece-layout.ts';
import { ServingQueue } from '../src/wire/blocks/serving-queue.ts';
import { WireClosedError } from '../src/wire/errors.ts';
import { SOCKET_BYTES_MAX } from '../src/wire/limits.ts';
import { barePair } from './support/bare-pair.ts';
import { hostHello, messageBytes, RawPeer } from './support/raw-peer.ts';
import { peerOf } from './support/read-world.ts';
import { sampleBytes } from './support/sample-bytes.ts';
import { put, storeFixture } from './support/store-fixture.ts';
import { TestCluster } from './support/test-cluster.ts';
import { BufferServer, listen, sharedBlob } from './support/wire-pair.ts';

const sample = sampleBytes(31, 2 * PIECE_BYTES);
const size = sample.bytes.length;

const blockAt = (number: number): PlacedBlock => {
  const start = number * BLOCK_BYTES_MAX;
  const index = Math.floor(start / PIECE_BYTES);
  return { index, offset: start - index * PIECE_BYTES, length: BLOCK_BYTES_MAX, start };
};

/** A host that holds the blob, and one who asks it over a socket that is full until it is drained. */
async function scene(t: Test, bytesPerSecond = Number.POSITIVE_INFINITY) {
  const store = await storeFixture(t).open();
  const stored = await store.blob(sample.blobId, size);
  t.teardown(() => stored.close());
  await put(stored, sample, 0, size);
  const clock = { nowMs: 0 };
  // The pace stands still: what waits for its turn waits until it is cancelled.
  const pace = new UploadPace({ bytesPerSecond, nowMs: () => 0 });
  const uploads = new Uploads({ pace, nowMs: () => clock.nowMs });
  const counted = { bytes: 0, read: 0 };
  const server = new SwarmServer({
    ...{ sizeBytes: size, stored, isSeed: false, counts: new PeerCounts() },
    limits: { uploads, homeGate: new HomeGate() },
    fetches: { isHome: () => false, fetch: () => Promise.reject(new Error('no home')) },
    originOf: () => undefined,
    nowMs: () => clock.nowMs,
    ...{ onLearnt: () => undefined, onHomeBytes: () => undefined },
    ...{ onHeld: () => undefined, onNeighbours: () => undefined },
    onServed: (_, bytes) => (counted.bytes += bytes),
  });
  server.learn('r');
  const { serving } = await barePair(t, new BufferServer(Buffer.alloc(0)), 1);
  const line = {
    unsentBytes: SOCKET_BYTES_MAX,
    sendBlock: (_: number, __: number, bytes: Uint8Array, onGone?: BlockGone) => {
      line.unsentBytes += bytes.length;
      onGone?.(true);
    },
  };
  const queue = new ServingQueue({
    ...{ line, requestsMax: 512, refuse: () => undefined, onSlow: () => undefined },
    serve: async ({ start, length }, call) => {
      const block = await server.serve(serving.wire, start, length, call);
      counted.read += 1;
      return block;
    },
  });
  t.teardown(() => queue.close());
  const ask = async (count: number) => {
    for (let number = 0; number < count; number++) queue.add(blockAt(number), 'demand');
    await until('they are read', () => counted.read === count);
    await turn();
  };
  const drain = () => {
    line.unsentBytes = 0;
    queue.pump();
  };
  return { clock, uploads, pace, counted, queue, ask, drain };
}

const turnOf = (number: number): Upload => ({
  ...{ peer: peerOf(number), piece: number, bytes: BLOCK_BYTES_MAX, priority: 'demand' },
});

/** A link that was found slow has no room for two blocks. */
function isFast(uploads: Uploads): boolean {
  uploads.promise(turnOf(90));
  const hasRoom = uploads.accepts(turnOf(91));
  uploads.dropped(turnOf(90));
  return hasRoom;
}

t.test('one that is ready and cancelled, and those of a wire that closes', async (t) => {
  const { clock, uploads, counted, queue, ask, drain } = await scene(t);
  await ask(3);
  clock.nowMs += 60_000;
  queue.cancel(blockAt(1));
  t.equal(uploads.bytes, 2 * BLOCK_BYTES_MAX, 'it is promised no more');
  t.same([counted.bytes, isFast(uploads)], [0, true]);
  queue.close();
  await until('nothing is promised', () => uploads.bytes === 0);
  t.same([counted.bytes, isFast(uploads)], [0, true]);
  drain();
  t.equal(counted.bytes, 0);
});

t.test('those that leave count, and so does how long it took', async (t) => {
  const { clock, uploads, counted, ask, drain } = await scene(t);
  await ask(3);
  clock.nowMs += 60_000;
  await until('they have left', () => {
    drain();
    return uploads.bytes === 0;
  });
  t.equal(counted.bytes, 3 * BLOCK_BYTES_MAX);
  t.notOk(isFast(uploads), 'a minute for three blocks');
});

t.test('one that is cancelled while it waits for its turn', async (t) => {
  const { clock, uploads, pace, counted, queue, ask } = await scene(t, 8 * BLOCK_BYTES_MAX);
  const kept = blockMemory.keptBytes;
  await ask(8);
  queue.add(blockAt(8), 'demand');
  await until('it waits for its turn', () => pace.waitMs(turnOf(99)) > 125);
  clock.nowMs += 60_000;
  queue.cancel(blockAt(8));
  await until('it is promised no more', () => uploads.bytes === 8 * BLOCK_BYTES_MAX);
  t.same([counted.bytes, isFast(uploads)], [0, true]);
  queue.close();
  await until('nothing is promised', () => uploads.bytes === 0);
  const most = Math.max(kept, 9 * BLOCK_BYTES_MAX);
  t.equal(blockMemory.keptBytes, most, 'memory of all of them was given back');
  t.same([counted.bytes, isFast(uploads)], [0, true]);
});

t.test('those of one who does not read, and is gone', async (t) => {
  const [seed, peer] = await TestCluster.openPair(t);
  const server = new BufferServer(sample.bytes);
  let served = 0;
  const gone: boolean[] = [];
  server.serve = async (_, offset, length) => {
    const number = served++;
    const onGone = (isSent: boolean) => {
      t.equal(gone[number], undefined, 'let go once');
      gone[number] = isSent;
    };
    return { bytes: sample.bytes.subarray(offset, offset + length), onGone };
  };
  const listener = await listen(t, seed, { accept: () => sharedBlob(server, size) });
  const raw = await RawPeer.dialTls(listener.port, peer);
  raw.send(...hostHello(peer, { sizeBytes: size }));
  await raw.untilMessage(1);
  const ask = messageBytes(6, 0, 0, BLOCK_BYTES_MAX);
  raw.send(ask);
  await until('the kernel has taken one', () => gone[0] === true);
  raw.socket.pause();
  raw.send(...Array.from({ length: 200 }, () => ask));
  await until('it is served what fits', () => served > 10);
  raw.socket.destroy();
  await until('all are let go', () => Object.keys(gone).length === served);
  t.ok(gone.includes(false), 'it has not taken all of it');
});

t.test('a socket that is destroyed while it writes lets each go once, unsent', async (t) => {
  const { asking, serving } = await barePair(t, new BufferServer(sample.bytes), size);
  await asking.wire.request(0, BLOCK_BYTES_MAX, { priority: 'demand' });
  const gone: (readonly [number, boolean])[] = [];
  const numbers = Array.from({ length: 200 }, (_, number) => number);
  const block = sample.bytes.subarray(0, BLOCK_BYTES_MAX);
  for (const number of numbers) {
    serving.peer.sendBlock(0, 0, block, (isSent) => gone.push([number, isSent]));
  }
  t.ok(serving.peer.unsentBytes > 0, 'the kernel takes no more');
  serving.peer.fail(new WireClosedError());
  serving.peer.sendBlock(0, 0, block, (isSent) => gone.push([200, isSent]));
  t.same(gone, [[200, false]], 'a closed wire sends nothing');
  await until('all are let go', () => gone.length > numbers.length);
  for (let turns = 0; turns < 10; turns++) await turn();
  const unsent = [...numbers, 200].map((number) => [number, false]);
  t.same(
    gone.toSorted(([a], [b]) => a - b),
    unsent,
  );
});
