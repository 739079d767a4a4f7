/**
 * What a host costs that lies: how much it is asked for before it is found out, over all blobs, and what
 * the origin gives for the bytes that it has spoilt.
 */
import { once } from 'node:events';
import type { Priority } from '@shoal/blob-store';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { BLOCK_BYTES_MAX } from '../src/limits.ts';
import type { Peer } from '../src/peer/peer.ts';
import { UNPROVEN_BYTES_MAX } from '../src/select/limits.ts';
import type { ServedBlock, WireServer } from '../src/wire/blob-wire.ts';
import {
  type ClusterHost,
  CountingOrigin,
  PeerCluster,
  whenReady,
} from './support/peer-cluster.ts';
import { type SampleBytes, sampleBytes } from './support/sample-bytes.ts';

const REPOSITORY = 'registry.test/app';
const MIB = 1 << 20;
const BLOB_BYTES = 8 * MIB;
/** What one read brings at most, and how many of them a mount has under way. */
const READ_BYTES = 4 * MIB;
const BLOCKS_MAX = UNPROVEN_BYTES_MAX / BLOCK_BYTES_MAX;

t.setTimeout(120_000);

const blobs = [1, 2, 3, 4].map((seed) => sampleBytes(seed, BLOB_BYTES));

function openOrigin(): CountingOrigin {
  return new CountingOrigin(new Map(blobs.map(({ blobId, bytes }) => [blobId, bytes])));
}

/** Says that it holds every blob. */
function lying(serve: WireServer['serve']) {
  return {
    blobBytes: BLOB_BYTES,
    server: { serve, hashes: () => [], onHeld: () => undefined, onNeighbours: () => undefined },
    held: () => [{ start: 0, end: BLOB_BYTES }],
  };
}

type Reading = {
  readonly offset?: number;
  readonly length?: number;
  readonly priority?: Priority;
  readonly attempt?: number;
};

/** As a chunk cache does: chunk by chunk, what is wrong again, three times at most. */
async function readVerified(
  peer: Peer,
  origin: CountingOrigin,
  { blobId, bytes }: SampleBytes,
  { offset = 0, length = READ_BYTES, priority = 'demand', attempt = 1 }: Reading,
): Promise<void> {
  if (attempt > 3) throw new Error('never right');
  const source = peer.source(origin, REPOSITORY);
  const verdicts: ((offset: number, length: number, verdict: 'right' | 'wrong') => void)[] = [];
  const found = await source.read({ blobId, sizeBytes: BLOB_BYTES }, offset, length, {
    priority,
    onVerdict: (listener) => verdicts.push(listener),
  });
  const wrong: number[] = [];
  for (let at = 0; at < length; at += MIB) {
    const start = offset + at;
    const isRight = found.subarray(at, at + MIB).equals(bytes.subarray(start, start + MIB));
    for (const tell of verdicts) tell(start, MIB, isRight ? 'right' : 'wrong');
    if (!isRight) wrong.push(start);
  }
  for (const start of wrong) {
    const again = { offset: start, length: MIB, priority, attempt: attempt + 1 };
    await readVerified(peer, origin, { blobId, bytes }, again);
  }
}

/** Two wires for each blob: to the seed and to the one that lies. */
async function meet(reader: ClusterHost, origin: CountingOrigin): Promise<void> {
  for (const { blobId } of blobs) {
    await reader.peer.source(origin, REPOSITORY).read({ blobId, sizeBytes: BLOB_BYTES }, 0, 1);
  }
  await until('all have met', () => reader.peer.status().wires === 2 * blobs.length);
}

t.test('many reads at once ask a liar for one chunk, whatever blobs they are of', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed-1', 'seed');
  let asked = 0;
  const serve = async (_: unknown, __: number, length: number) => {
    asked += 1;
    return { bytes: Buffer.alloc(length, 0xee) };
  };
  const liar = await cluster.startWire('liar', lying(serve), 'peer');
  const reader = await cluster.start('a', 'peer', { seeds: [seed.facts, liar] });
  await whenReady(seed, reader);
  await meet(reader, origin);
  asked = 0;
  const reads = blobs.flatMap((blob) =>
    [0, READ_BYTES].map((offset) => readVerified(reader.peer, origin, blob, { offset })),
  );
  await Promise.all(reads);
  t.comment(`${asked} blocks asked`);
  t.ok(asked > 0, 'it was asked');
  t.ok(asked <= BLOCKS_MAX, `for no more than ${BLOCKS_MAX} blocks`);
  await until('it is known that it has lied', () => reader.peer.status().counts.bans.lied > 0);
  const images = origin.bytes / (blobs.length * BLOB_BYTES);
  t.comment(`${images} images of the origin`);
  // On a busy machine a home may be passed over now and then.
  t.ok(images <= 1.2, 'what it has spoilt comes from its home');
});

t.test('whoever lies of one blob is waited for at no other', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed-1', 'seed');
  let isHolding = true;
  const held: AbortSignal[] = [];
  const serve: WireServer['serve'] = async (_, __, length, { signal }): Promise<ServedBlock> => {
    if (isHolding) {
      held.push(signal);
      await once(signal, 'abort');
    }
    return { bytes: Buffer.alloc(length, 0xee) };
  };
  const liar = await cluster.startWire('liar', lying(serve), 'peer');
  const reader = await cluster.start('a', 'peer', { seeds: [seed.facts, liar] });
  await whenReady(seed, reader);
  isHolding = false;
  await meet(reader, origin);
  isHolding = true;
  const [waiting, lied] = blobs;
  if (waiting === undefined || lied === undefined) throw new Error('there are four');
  // Nobody else is asked beside it: no program waits.
  const slow = readVerified(reader.peer, origin, waiting, { length: MIB, priority: 'prefetch' });
  await until('it makes wait', () => held.length > 0);
  isHolding = false;
  await readVerified(reader.peer, origin, lied, { length: MIB });
  await slow;
  const { counts } = reader.peer.status();
  t.ok(counts.bans.lied + counts.bans.suspect > 0, 'it is banned');
  t.ok(
    held.every(({ aborted }) => aborted),
    'all that it kept is cancelled',
  );
  t.ok(counts.outcomes.unwanted >= 1, 'because it lies, and not because it is late');
});
