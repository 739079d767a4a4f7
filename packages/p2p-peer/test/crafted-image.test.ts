/**
 * An image that names wrong digests for a blob of a sound one: an honest host that gave its reader the
 * blob's own bytes is no liar, and goes on serving.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { VerdictListener } from '@shoal/blob-store';
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { WireServer } from '../src/wire/blob-wire.ts';
import { CountingOrigin, PeerCluster } from './support/peer-cluster.ts';
import { sampleBytes } from './support/sample-bytes.ts';

const REPOSITORY = 'registry.test/app';
const MIB = 1 << 20;
const SIZE = 8 * MIB;
const LOOK_BYTES = 128 << 10;

t.setTimeout(60_000);

t.test('an honest host serves on after a crafted image and a sound one', async (t) => {
  const { blobId, bytes } = sampleBytes(1, SIZE);
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed-1', 'seed');
  let served = 0;
  const serve: WireServer['serve'] = async (_, offset, length) => {
    served += length;
    return { bytes: Buffer.from(bytes.subarray(offset, offset + length)) };
  };
  const honest = await cluster.startWire(
    'honest',
    {
      blobBytes: SIZE,
      server: { serve, hashes: () => [], onHeld: () => undefined, onNeighbours: () => undefined },
      held: () => [{ start: 0, end: SIZE }],
    },
    'peer',
  );
  const reader = await cluster.start('a', 'peer', { seeds: [seed.facts, honest] });
  await until('tokens', () => seed.peer.status().hasToken && reader.peer.status().hasToken);
  const source = reader.peer.source(origin, REPOSITORY);
  const bytesHeld = () => reader.peer.status().store.bytesSettled;
  const read = async (offset: number, verdict: 'right' | 'wrong', length = MIB) => {
    const listeners: VerdictListener[] = [];
    const before = bytesHeld();
    const found = await source.read({ blobId, sizeBytes: SIZE }, offset, length, {
      onVerdict: (listener) => listeners.push(listener),
    });
    t.ok(found.equals(bytes.subarray(offset, offset + length)));
    for (const tell of listeners) tell(offset, length, verdict);
    if (verdict === 'right') await until('it is held', () => bytesHeld() > before);
  };
  await source.read({ blobId, sizeBytes: SIZE }, 0, 1);
  await until('both are met', () => reader.peer.status().wires === 2);
  for (const at of [3, 4, 5]) await read(at * MIB, 'right');
  t.ok(served > 0, 'the honest host was asked');
  await read(6 * MIB, 'wrong');
  const { bans } = reader.peer.status().counts;
  t.equal(bans.suspect, 1, 'it is left out of this blob');
  await read(6 * MIB, 'right');
  const before = served;
  // When it is acquitted is not told: it is looked at with small reads, for longer than a hash takes.
  for (let at = 0; at < 3 * MIB && served === before; at += LOOK_BYTES) {
    await read(at, 'right', LOOK_BYTES);
    await sleep(100);
  }
  t.ok(served > before, 'and asked again afterwards');
  t.equal(reader.peer.status().counts.bans.lied, 0);
});
