/** What peers do wrong, and what readers get all the same: right bytes. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { Peer } from '../src/peer/peer.ts';
import type { BlobWire, WireServer } from '../src/wire/blob-wire.ts';
import { CountingOrigin, PeerCluster, whenReady } from './support/peer-cluster.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { patternedBlob } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const bytes = patternedBlob((4 << 20) + 777);
const blobId = blobIdOf(bytes);
const key = { blobId, sizeBytes: bytes.length };
const CHUNK = 300_000;

t.setTimeout(120_000);

function openOrigin(): CountingOrigin {
  return new CountingOrigin(new Map([[blobId, bytes]]));
}

/** Reads as a chunk cache does: verified, three times at most. Undefined when none was right. */
async function readVerified(
  peer: Peer,
  origin: CountingOrigin,
  offset: number,
  { repository = REPOSITORY, length = CHUNK } = {},
): Promise<number | undefined> {
  const source = peer.source(origin, repository);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const verdicts: ((verdict: 'right' | 'wrong') => void)[] = [];
    const found = await source.read(key, offset, length, {
      onVerdict: (listener) => verdicts.push((verdict) => listener(offset, length, verdict)),
    });
    const isRight = found.equals(bytes.subarray(offset, offset + length));
    for (const tell of verdicts) tell(isRight ? 'right' : 'wrong');
    if (isRight) return attempt;
  }
  return undefined;
}

t.test('a peer that lies changes no byte, and is not asked again', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const seed = await cluster.start('seed-1', 'seed');
  let lies = 0;
  const liar: WireServer = {
    serve: async (_: BlobWire, __: number, length: number) => {
      lies += 1;
      return { bytes: Buffer.alloc(length, 0xee) };
    },
    hashes: () => [],
    onHeld: () => undefined,
    onNeighbours: () => undefined,
  };
  const lying = await cluster.startWire('liar', {
    blobBytes: bytes.length,
    server: liar,
    held: () => [{ start: 0, end: bytes.length }],
  });
  const reader = await cluster.start('a', 'peer', { seeds: [seed.facts, lying] });
  await whenReady(seed, reader);
  // Homes are asked first: it may be one.
  const attempts = [await readVerified(reader.peer, origin, 0)];
  await until('the liar is a neighbour', () => reader.peer.status().wires === 2);
  for (let offset = CHUNK; offset + CHUNK < bytes.length; offset += CHUNK) {
    attempts.push(await readVerified(reader.peer, origin, offset));
  }
  t.notOk(attempts.includes(undefined), 'every chunk was right in the end');
  t.ok(lies > 0, 'it has lied');
  t.equal(attempts.filter((attempt) => attempt !== 1).length, 1, 'once');
});

t.test('a blob of one repository is not told or given under the name of another', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const holder = await cluster.start('holder', 'peer');
  await whenReady(holder);
  await readVerified(holder.peer, origin, 0);
  await until('it is held', () => holder.peer.status().store.bytesSettled === CHUNK);
  const request = async (repository: string) => {
    await using wire = await cluster.dial('stranger', holder, { blobId, repository, bytes });
    return await wire.request(0, 1000, { priority: 'demand' });
  };
  t.same(await request(REPOSITORY), bytes.subarray(0, 1000), 'its own name');
  origin.missing.add('registry.test/secret');
  await t.rejects(
    request('registry.test/secret'),
    'the origin of that repository has no such blob',
  );
  t.same(await request('registry.test/copy'), bytes.subarray(0, 1000), 'that one has');
});

t.test('a token for one repository opens no other', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const holder = await cluster.start('holder', 'peer');
  await whenReady(holder);
  const dial = (repository: string) =>
    cluster.dial('narrow', holder, { blobId, repository, bytes }, ['registry.test/other/*']);
  await t.rejects(dial(REPOSITORY));
  const wire = await dial('registry.test/other/app');
  await wire.close();
});

t.test('a home that is gone costs no byte: the next one, or the origin', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const seeds = await Promise.all(['seed-1', 'seed-2'].map((name) => cluster.start(name, 'seed')));
  const facts = seeds.map((seed) => seed.facts);
  const reader = await cluster.start('a', 'peer', { seeds: facts });
  await whenReady(...seeds, reader);
  t.equal(await readVerified(reader.peer, origin, 0), 1);
  await seeds[0]?.peer.close();
  t.equal(await readVerified(reader.peer, origin, CHUNK), 1);
  await seeds[1]?.peer.close();
  t.equal(await readVerified(reader.peer, origin, 2 * CHUNK), 1);
});

t.test('who holds bytes gives them when the origin is down', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const { seed, a, b } = await cluster.startThree();
  t.equal(await readVerified(a.peer, origin, 0), 1);
  t.equal(await readVerified(b.peer, origin, CHUNK), 1, 'it may read from the repository');
  await until('the seed holds it', () => seed.peer.status().store.bytesSettled === 2 * CHUNK);
  origin.isDown = true;
  t.equal(await readVerified(b.peer, origin, 0), 1);
  await t.rejects(readVerified(b.peer, origin, 2 * CHUNK), /the origin is down/);
  origin.isDown = false;
  t.equal(await readVerified(b.peer, origin, 2 * CHUNK), 1);
});

t.test('what was held is held after a restart', async (t) => {
  const origin = openOrigin();
  const cluster = await PeerCluster.open(t, origin);
  const first = await cluster.start('a', 'peer');
  await whenReady(first);
  await readVerified(first.peer, origin, 0);
  await until('it is held', () => first.peer.status().store.bytesSettled === CHUNK);
  await first.peer.close();
  const again = await cluster.start('a', 'peer');
  await whenReady(again);
  const before = origin.bytes;
  t.equal(await readVerified(again.peer, origin, 0), 1);
  t.equal(origin.bytes, before);
});
