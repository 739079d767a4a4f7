/** What a host counts of its reads: where the bytes came from and for whom, and what went wrong meanwhile. */
import { connect } from 'node:tls';
import { PRIORITIES, type Priority } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { WireServer } from '../src/wire/blob-wire.ts';
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
const BLOB_BYTES = 200_000;
const BLOBS = 12;

t.setTimeout(120_000);

type Sample = { readonly blobId: BlobId; readonly bytes: Buffer };

/** Homes differ from blob to blob. */
const samples: readonly Sample[] = Array.from({ length: BLOBS }, (_, number) => {
  const bytes = Buffer.from(patternedBlob(BLOB_BYTES));
  bytes.writeUInt32BE(number);
  return { bytes, blobId: blobIdOf(bytes) };
});

function openOrigin(): CountingOrigin {
  return new CountingOrigin(new Map(samples.map(({ blobId, bytes }) => [blobId, bytes])));
}

/** All samples, whole; each next one for the next reason. Answers with the bytes by reason. */
async function readAll({ peer }: ClusterHost, origin: CountingOrigin) {
  const wanted: Record<Priority, number> = { demand: 0, preheat: 0, prefetch: 0, background: 0 };
  for (const [index, { blobId, bytes }] of samples.entries()) {
    const priority = PRIORITIES[index % PRIORITIES.length] ?? 'demand';
    const key = { blobId, sizeBytes: bytes.length };
    const found = await peer.source(origin, REPOSITORY).read(key, 0, bytes.length, {
      priority,
      ...foundRight(0, bytes.length),
    });
    t.ok(found.equals(bytes));
    wanted[priority] += bytes.length;
  }
  return wanted;
}

function sumsOf({ peer }: ClusterHost) {
  const { causes } = peer.status();
  const sums: Record<Priority, number> = { demand: 0, preheat: 0, prefetch: 0, background: 0 };
  for (const byCause of Object.values(causes)) {
    for (const priority of PRIORITIES) sums[priority] += byCause[priority];
  }
  return sums;
}

t.test('hosts of the rack, of the zone, of other zones, the origin, and the store', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const near = await cluster.start('near', 'seed', { zone: 'one', rack: 'r1' });
  const far = await cluster.start('far', 'seed', { zone: 'one', rack: 'r2' });
  const away = await cluster.start('away', 'seed', { zone: 'two', rack: 'r1' });
  const place = { zone: 'one', rack: 'r1' };
  const seeds = [near, far, away].map(({ facts }) => facts);
  const reader = await cluster.start('reader', 'peer', { ...place, seeds });
  const lonely = await cluster.start('lonely', 'peer', { zone: 'three', rack: 'r1', seeds });
  const alone = await cluster.start('alone', 'peer', place);
  await whenReady(near, far, away, reader, lonely, alone);
  const total = BLOBS * BLOB_BYTES;

  const wanted = await readAll(reader, origin);
  const { traffic, counts } = reader.peer.status();
  t.equal(traffic.rack + traffic.zone + traffic.origin, total, 'each byte once');
  t.equal(traffic.other, 0, 'a seed of another zone is no home here');
  t.ok(traffic.rack > 0 && traffic.zone > 0);
  // The last block may be here before its sender hears that it has left.
  await until('what has come was sent', () => {
    const [rack, zone] = [near, far].map(({ peer }) => peer.status().traffic.upload);
    return traffic.rack <= (rack ?? 0) && traffic.zone <= (zone ?? 0);
  });
  t.same(sumsOf(reader), wanted, 'by who wanted them');
  t.equal(
    reader.peer.status().causes.rack.demand + reader.peer.status().causes.zone.demand > 0,
    true,
  );
  const { asked, outcomes } = counts;
  t.ok(asked.home > 0 && outcomes.answered > 0);
  const ended = Object.values(outcomes).reduce((sum, count) => sum + count, 0);
  t.equal(ended, asked.holder + asked.home + asked.hedge, 'every ask has one end');
  const homes = [near, far].map(({ peer }) => peer.status().counts);
  t.ok(homes.every(({ homeReads }) => homeReads.done > 0 && homeReads.failed === 0));
  const homeBytes = homes.reduce((sum, home) => sum + home.homeBytes, 0);
  t.ok(homeBytes >= traffic.rack + traffic.zone, 'what they read for it');
  t.equal(away.peer.status().counts.homeBytes, 0);

  await until('all is held', () => reader.peer.status().store.bytesSettled === total);
  await readAll(reader, origin);
  t.equal(reader.peer.status().traffic.store, total, 'the second time it is here');
  t.same(reader.peer.status().causes.store, wanted);

  t.same(await readAll(lonely, origin), sumsOf(lonely));
  const lonelyTraffic = lonely.peer.status().traffic;
  t.match(lonelyTraffic, { rack: 0, zone: 0 });
  t.ok(lonelyTraffic.other > 0, 'all of other zones, though racks have the same name');

  t.same(await readAll(alone, origin), alone.peer.status().causes.origin);
  t.match(alone.peer.status().traffic, { rack: 0, zone: 0, other: 0, origin: total });
  t.equal(alone.peer.status().counts.outcomes.answered, 0);
});

t.test('times of blocks, by how far the host is', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed', 'seed', { rack: 'r1' });
  const blocks: { readonly distance: string; readonly seconds: number }[] = [];
  cluster.onBlock = (block) => blocks.push(block);
  const reader = await cluster.start('reader', 'peer', { rack: 'r2', seeds: [seed.facts] });
  await whenReady(seed, reader);
  await readAll(reader, origin);
  t.same([...new Set(blocks.map(({ distance }) => distance))], ['zone']);
  t.equal(blocks.length, reader.peer.status().counts.outcomes.answered);
  t.ok(blocks.every(({ seconds }) => seconds > 0));
});

t.test('wrong bytes and their senders, hosts that are gone, and those sent away', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const [sample] = samples;
  if (sample === undefined) return;
  const { blobId, bytes } = sample;
  const server: WireServer = {
    serve: async (_, __, length) => ({ bytes: Buffer.alloc(length, 0xee) }),
    hashes: () => [],
    onHeld: () => undefined,
    onNeighbours: () => undefined,
  };
  const liar = await cluster.startWire('liar', {
    ...{ blobBytes: bytes.length, server },
    held: () => [{ start: 0, end: bytes.length }],
  });
  const reader = await cluster.start('reader', 'peer', { seeds: [liar] });
  await whenReady(reader);
  const read = async (verdict: 'right' | 'wrong') => {
    await reader.peer
      .source(origin, REPOSITORY)
      .read({ blobId, sizeBytes: bytes.length }, 0, 1000, {
        onVerdict: (listener) => listener(0, 1000, verdict),
      });
    return reader.peer.status().counts;
  };
  t.match(await read('wrong'), { wrongBytes: { host: 1000, origin: 0 }, bans: { suspect: 1 } });
  t.match(await read('right'), { wrongBytes: { host: 1000 }, bans: { suspect: 1 } });
  // Both are compared, by a thread.
  await until('it is known to have lied', () => reader.peer.status().counts.bans.lied === 1);

  const gone = { ...liar, address: '127.0.0.1:1' };
  const other = await cluster.start('other', 'peer', { seeds: [gone] });
  await whenReady(other);
  await other.peer.source(origin, REPOSITORY).read({ blobId, sizeBytes: bytes.length }, 0, 1000);
  const { dialsFailed, outcomes } = other.peer.status().counts;
  t.ok(dialsFailed.unreachable > 0);
  t.equal(dialsFailed.refused, 0);
  t.ok(outcomes.lost > 0);

  const wanted = { blobId, repository: REPOSITORY, bytes };
  await t.rejects(cluster.dial('stranger', reader, wanted, ['registry.test/else']));
  const nobody = connect({ host: '127.0.0.1', port: reader.peer.port, rejectUnauthorized: false });
  nobody.on('error', () => undefined);
  const refused = () => reader.peer.status().counts.arrivalsRefused;
  await until('both are counted', () => refused().token === 1 && refused().handshake === 1);
  nobody.destroy();
});
