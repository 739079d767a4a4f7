/** A home passes blocks on as they come from a registry, while the rest of its read is on its way. */
import { until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { BLOCK_BYTES_MAX } from '../src/limits.ts';
import type { BlobWire } from '../src/wire/blob-wire.ts';
import { PeerCluster } from './support/peer-cluster.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { SourceOrigin, StallingRegistry } from './support/stalling-registry.ts';
import { patternedBlob } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const bytes = patternedBlob((2 << 20) + 777);
const blobId = blobIdOf(bytes);
const BLOCKS = [0, 1, 2, 3, 4, 5, 6, 7].map((block) => block * BLOCK_BYTES_MAX);

t.setTimeout(120_000);

async function scene(t: Test, { isBelieved = true, attemptsMax = 1 } = {}) {
  const registry = await StallingRegistry.open(t, bytes);
  const source = await registry.source(attemptsMax);
  t.teardown(() => source.close());
  const cluster = await PeerCluster.open(t, new SourceOrigin(source, blobId, bytes));
  cluster.isBelieved = isBelieved;
  const seed = await cluster.start('seed-1', 'seed');
  await until('its token is here', () => seed.peer.status().hasToken);
  const dial = (name: string) =>
    cluster.dial(name, seed, { blobId, repository: REPOSITORY, bytes });
  const held = () => seed.peer.status().store.bytesSettled;
  return { registry, dial, held };
}

/** What has come of the blocks of the first piece, all asked for together. */
function request(wire: BlobWire, signal?: AbortSignal) {
  const came = new Map<number, Buffer>();
  const failed = new Set<number>();
  const all = BLOCKS.map(async (offset) => {
    try {
      const block = await wire.request(offset, BLOCK_BYTES_MAX, { priority: 'demand', signal });
      came.set(offset, block);
    } catch {
      failed.add(offset);
    }
  });
  const areRight = () =>
    [...came].every(([at, block]) => block.equals(bytes.subarray(at, at + BLOCK_BYTES_MAX)));
  return { came, failed, areRight, ended: Promise.all(all) };
}

/** All are being read, several blocks together, and the first block of each read has come. */
async function begun({ answers }: StallingRegistry, came: ReadonlyMap<number, Buffer>) {
  await until('the first block of each read has come', () => {
    const asked = answers.reduce((sum, { start, end }) => sum + end - start, 0);
    return asked === BLOCKS.length * BLOCK_BYTES_MAX && came.size === answers.length;
  });
}

for (const isBelieved of [true, false]) {
  const who = isBelieved ? 'that is believed' : 'that is not';
  t.test(`a block goes out while the origin, one ${who}, has not sent the rest`, async (t) => {
    const { registry, dial, held } = await scene(t, { isBelieved });
    const wire = await dial('a');
    const { came, areRight, ended } = request(wire);
    await begun(registry, came);
    const reads = [...registry.answers];
    t.ok(reads.length < BLOCKS.length, `${reads.length} reads`);
    t.same([...came.keys()].sort(), reads.map(({ start }) => start).sort());
    const later = await dial('b');
    const first = await later.request(0, BLOCK_BYTES_MAX, { priority: 'demand' });
    t.ok(first.equals(bytes.subarray(0, BLOCK_BYTES_MAX)), 'whoever comes now has it, too');
    t.equal(registry.answers.length, reads.length, 'of the same read');
    for (const answer of reads) registry.finish(answer);
    await ended;
    t.equal(came.size, BLOCKS.length);
    t.ok(areRight());
    if (isBelieved) await until('all of it is kept', () => held() === 1 << 20);
    else t.equal(held(), 0);
  });
}

t.test('an origin that fails midway: what came went out, and is kept', async (t) => {
  const { registry, dial, held } = await scene(t);
  const { came, failed, areRight, ended } = request(await dial('a'));
  await begun(registry, came);
  for (const { response } of registry.answers) response.destroy();
  await ended;
  t.ok(areRight());
  t.equal(came.size + failed.size, BLOCKS.length);
  t.ok(failed.size > 0);
  await until('it is kept', () => held() === came.size * BLOCK_BYTES_MAX);
});

t.test('a transfer that breaks goes on, and no block comes from elsewhere', async (t) => {
  const { registry, dial, held } = await scene(t, { attemptsMax: 3 });
  const { came, areRight, ended } = request(await dial('a'));
  await begun(registry, came);
  const broken = [...registry.answers];
  for (const { response } of broken) response.destroy();
  const unfinished = broken.filter(({ start, end }) => end - start > BLOCK_BYTES_MAX);
  await until('they are asked for again', () => {
    return registry.answers.length === broken.length + unfinished.length;
  });
  const again = registry.answers.slice(broken.length);
  t.same(
    again.map(({ start }) => start).sort(),
    unfinished.map(({ start }) => start + StallingRegistry.BEGUN_BYTES).sort(),
  );
  for (const answer of again) registry.finish(answer);
  await ended;
  t.equal(came.size, BLOCKS.length);
  t.ok(areRight());
  await until('all of it is kept', () => held() === 1 << 20);
});

t.test('when nobody waits for the rest, what is not kept is not read', async (t) => {
  const { registry, dial } = await scene(t, { isBelieved: false });
  const leaving = new AbortController();
  const { came, ended } = request(await dial('a'), leaving.signal);
  await begun(registry, came);
  const [longest] = [...registry.answers].sort((a, b) => b.end - b.start - (a.end - a.start));
  const closed = new Promise((resolve) => longest?.response.once('close', resolve));
  leaving.abort(new Error('bye'));
  await ended;
  await closed;
  t.equal(longest?.response.writableFinished, false);
});
