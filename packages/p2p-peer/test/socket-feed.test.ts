/** What comes on a dialled TLS socket arrives whole and in order, before somebody takes it and after. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { FEED_KEPT_BYTES_MAX } from '../src/wire/limits.ts';
import { SocketFeed } from '../src/wire/messages/socket-feed.ts';
import { TestCluster } from './support/test-cluster.ts';
import { patternedBlob } from './support/wire-pair.ts';

const bytes = patternedBlob(1 << 20);

t.test('what came before and what comes after, in order', async (t) => {
  const { theirs, ours, feed } = await openPair(t);
  theirs.write(bytes.subarray(0, 1000));
  await until('the first have come', () => feed.keptBytes === 1000);
  const came: Buffer[] = [];
  feed.open(ours, (part) => came.push(Buffer.from(part)));
  theirs.end(bytes.subarray(1000));
  await once(ours, 'end');
  t.ok(Buffer.concat(came).equals(bytes));
  t.ok(came.length > 2);
});

t.test('who says much before anybody listens is not read any further', async (t) => {
  const { theirs, ours, feed } = await openPair(t);
  theirs.end(bytes);
  await until('it has said some', () => feed.keptBytes >= FEED_KEPT_BYTES_MAX);
  const { keptBytes } = feed;
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.equal(feed.keptBytes, keptBytes);
  t.ok(keptBytes < bytes.length / 2, `${keptBytes} bytes`);
  const came: Buffer[] = [];
  feed.open(ours, (part) => came.push(Buffer.from(part)));
  await once(ours, 'end');
  t.ok(Buffer.concat(came).equals(bytes), 'nothing is lost');
});

t.test('a sink that pauses the socket gets the rest when it goes on', async (t) => {
  const { theirs, ours, feed } = await openPair(t);
  const came: Buffer[] = [];
  feed.open(ours, (part) => {
    came.push(Buffer.from(part));
    if (came.length % 8 !== 0) return;
    ours.pause();
    setImmediate(() => ours.resume());
  });
  theirs.end(bytes);
  await once(ours, 'end');
  t.ok(Buffer.concat(came).equals(bytes));
});

t.test(
  'a sink that has enough of what came before is not given more until it goes on',
  async (t) => {
    const { theirs, ours, feed } = await openPair(t);
    theirs.write(bytes.subarray(0, 1000));
    await until('the first have come', () => feed.keptBytes === 1000);
    const came: Buffer[] = [];
    feed.open(ours, (part) => {
      came.push(Buffer.from(part));
      if (came.length === 1) ours.pause();
    });
    await until('it has them', () => came.length === 1);
    t.equal(feed.keptBytes, 0);
    t.ok(ours.isPaused());
    theirs.end(bytes.subarray(1000));
    ours.resume();
    await once(ours, 'end');
    t.ok(Buffer.concat(came).equals(bytes));
  },
);

/** Two ends of a TLS connection; ours was dialled with a feed. */
async function openPair(t: Test) {
  const cluster = await TestCluster.open(t);
  const { trust } = await cluster.host('seed');
  const { ca, cert, key } = trust.identity();
  const server = createServer({ ca, cert, key });
  t.teardown(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const feed = new SocketFeed();
  const { onread } = feed;
  const ours: TLSSocket = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...{ onread },
  });
  const [[theirs]] = await Promise.all([
    once(server, 'secureConnection') as Promise<[Socket]>,
    once(ours, 'secureConnect'),
  ]);
  t.teardown(() => {
    ours.destroy();
    theirs.destroy();
  });
  return { theirs, ours, feed };
}
