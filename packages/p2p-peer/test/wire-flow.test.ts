/** What is between the two ends of a wire: networks that cut anywhere, and readers that do not read. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { BLOCK_BYTES_MAX } from '../src/limits.ts';
import { encodeAskHashes } from '../src/wire/extension/ask-hashes.ts';
import { UNSENT_BYTES_MAX } from '../src/wire/limits.ts';
import { LineWatch } from '../src/wire/messages/line-watch.ts';
import { barePair, cuttingRelay } from './support/bare-pair.ts';
import { extendedBytes, hostHello, messageBytes, RawPeer } from './support/raw-peer.ts';
import { TestCluster } from './support/test-cluster.ts';
import { BufferServer, listen, patternedBlob, sharedBlob } from './support/wire-pair.ts';

const BYTES = 8 << 20;
const blob = patternedBlob(BYTES);
const CUTS: readonly (readonly number[])[] = [
  [1],
  [3, 7],
  [4, 9, 13],
  [17, 1, 4099],
  [131_071, 5],
  [131_072 + 13],
  [65_537, 8191, 2],
];

for (const lengths of CUTS) {
  t.test(`blocks through a network that cuts at ${lengths.join(', ')}`, async (t) => {
    const server = new BufferServer(blob);
    const { asking } = await barePair(t, server, BYTES, (address) =>
      cuttingRelay(t, address, lengths),
    );
    const largest = lengths.length === 1 && lengths[0] === 1 ? 4096 : BLOCK_BYTES_MAX;
    const sizes = [1, 2, 3, 8, 9, 13, 4096, 16_384, 65_536, 131_071, 131_072];
    const asked = sizes
      .filter((size) => size <= largest)
      .map(async (size, index) => {
        const offset = index * BLOCK_BYTES_MAX;
        const bytes = await asking.wire.request(offset, size, { priority: 'demand' });
        t.ok(bytes.equals(blob.subarray(offset, offset + size)), `${size} bytes`);
        t.equal(bytes.buffer.byteLength, size, 'in memory of their own');
      });
    await Promise.all(asked);
    t.equal(asking.wire.held.bytes, BYTES);
  });
}

t.test('one who asks and does not read costs no more than he may', async (t) => {
  const [seed, peer] = await TestCluster.openPair(t);
  let served = 0;
  const server = new BufferServer(blob);
  server.serve = async (_, offset, length) => {
    served += length;
    return { bytes: blob.subarray(offset, offset + length) };
  };
  const listener = await listen(t, seed, { accept: () => sharedBlob(server, BYTES) });
  const raw = await RawPeer.dialTls(listener.port, peer);
  raw.send(...hostHello(peer, { sizeBytes: BYTES }));
  await raw.untilMessage(1);
  raw.socket.pause();
  const ask = (block: number) => messageBytes(6, block % 8, 0, BLOCK_BYTES_MAX);
  // So many at a time as honest ones may ask: what is served is unsent, or lies in the kernel.
  for (let round = 0; round < 16; round++) {
    raw.send(...Array.from({ length: 4 }, (_, index) => ask(4 * round + index)));
  }
  await until('it is served what fits', () => served > UNSENT_BYTES_MAX / 2);
  const before = served;
  for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve));
  t.ok(served - before <= UNSENT_BYTES_MAX, 'and no more');
  raw.socket.resume();
  await until(
    'all of it comes when he reads again',
    () => raw.receivedBytes > 64 * BLOCK_BYTES_MAX,
  );
  raw.socket.destroy();
});

t.test('one who makes us say much is not heard until he has listened', async (t) => {
  const [seed, peer] = await TestCluster.openPair(t);
  let answered = 0;
  const server = new BufferServer(Buffer.alloc(0));
  server.hashes = (_, first, count) => {
    answered += count * 32;
    return Array.from({ length: count }, () => Buffer.alloc(32, first));
  };
  const bytes = 2 ** 40;
  const listener = await listen(t, seed, { accept: () => sharedBlob(server, bytes) });
  const raw = await RawPeer.dialTls(listener.port, peer);
  raw.send(...hostHello(peer, { sizeBytes: bytes }));
  await raw.untilMessage(1);
  raw.socket.pause();
  const question = extendedBytes(1, encodeAskHashes({ firstPiece: 0, count: 1024 }));
  const questions = 1500;
  raw.send(...Array.from({ length: questions }, () => question));
  const wholeAnswer = questions * 32 * 1024;
  await until('much is answered', () => answered > UNSENT_BYTES_MAX / 2);
  let before = -1;
  await until('nothing more is answered', async () => {
    const isSettled = answered === before;
    before = answered;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return isSettled;
  });
  // The kernel's own buffers come on top of ours.
  t.ok(answered < wholeAnswer / 2, `${answered} of ${wholeAnswer}`);
  raw.socket.resume();
  await until('all is answered in the end', () => answered === wholeAnswer);
  raw.socket.destroy();
});

t.test('who is gone, or reads nothing, is noticed', async (t) => {
  const failures: Error[] = [];
  let keptAlive = 0;
  const socket = { writableLength: 0 };
  const { asking } = await barePair(t, new BufferServer(blob), BYTES);
  t.ok(asking.wire.heardAtMs <= performance.now());
  const watch = new LineWatch(socket, {
    keepAlive: () => keptAlive++,
    fail: (error) => failures.push(error),
  });
  const now = performance.now();
  watch.check(now + 10_000);
  t.same([keptAlive, failures.length], [0, 0]);
  watch.check(now + 60_000);
  t.same([keptAlive, failures.length], [1, 0]);
  watch.check(now + 200_000);
  t.match(failures.pop(), { code: 'ERR_P2P_WIRE_TIMEOUT', message: /say anything/ });
  socket.writableLength = 1;
  watch.check(now + 121_000);
  t.match(failures.pop(), { code: 'ERR_P2P_WIRE_TIMEOUT', message: /read what was sent/ });
  watch.onWritten();
  watch.heard();
  t.equal(watch.silentMs(now + 500_000), 0, 'nothing is owed');
  watch.owes(true);
  t.ok(watch.silentMs(now + 500_000) > 400_000);
  watch.close();
});
