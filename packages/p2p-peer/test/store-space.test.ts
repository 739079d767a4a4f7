/** One budget over the store and the mount cache: who goes, when, and who stays. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { CompressedStore } from '../src/store/compressed-store.ts';
import { type SampleBytes, sampleBytes } from './support/sample-bytes.ts';
import { put, storeFixture } from './support/store-fixture.ts';

const MIB = 1 << 20;
const [oldest, second] = [sampleBytes(0, MIB), sampleBytes(1, MIB)];
const last = sampleBytes(5, MIB);
const samples = [oldest, second, ...[2, 3, 4].map((seed) => sampleBytes(seed, MIB)), last];

async function store(store: CompressedStore, sample: SampleBytes): Promise<void> {
  await using blob = await store.blob(sample.blobId, MIB);
  await put(blob, sample, 0, MIB);
}

/** The limit is looked at when something is written: until then a cache that grew costs the store nothing. */
async function writeLittle(held: CompressedStore, seed: number): Promise<void> {
  const little = sampleBytes(seed, 4096);
  await using blob = await held.blob(little.blobId, 4096);
  await put(blob, little, 0, 4096);
}

/** `evict` waits for what is being evicted already. */
async function settled(held: CompressedStore, count: number): Promise<void> {
  await until(`${count} blobs are left`, () => there(held).length === count);
  await held.evict(0);
}

function there(store: CompressedStore): number[] {
  return samples.flatMap(({ blobId }, index) => (store.facts(blobId) === undefined ? [] : [index]));
}

function clock(): () => number {
  let nowMs = 1_000_000;
  return () => ++nowMs;
}

t.test('the blob that nobody asked for longest goes first, the pinned one never', async (t) => {
  const fixture = storeFixture(t);
  const held = await fixture.open({ bytesMax: 5.5 * MIB }, { now: clock() });
  await using pinned = await held.blob(oldest.blobId, MIB);
  pinned.pin();
  for (const sample of samples.slice(0, 5)) await store(held, sample);
  t.strictSame(there(held), [0, 1, 2, 3, 4]);
  // Asked for again.
  await using asked = await held.blob(second.blobId, MIB);
  t.ok(await asked.read(0, 10));
  await store(held, last);
  await settled(held, 4);
  t.strictSame(there(held), [0, 1, 4, 5], 'down to nine tenths: two of them');
  t.ok(held.bytes <= 5.5 * MIB * 0.9);
  t.equal(held.stats().bytesEvicted, 2 * MIB);
  const freed = await held.evict(Number.POSITIVE_INFINITY);
  t.ok(freed >= 3 * MIB);
  t.strictSame(there(held), [0]);
  pinned.unpin();
  await held.evict(1);
  t.equal(held.bytes, 0);
});

t.test('a blob that is only named is forgotten after its use', async (t) => {
  const held = await storeFixture(t).open({}, { now: clock() });
  await store(held, oldest);
  const named = await held.blob(second.blobId, MIB);
  named.pin();
  t.equal(held.stats().blobsRemembered, 2);
  await named.close();
  for (let seed = 100; seed < 120; seed++) {
    await using blob = await held.blob(sampleBytes(seed, 1000).blobId, 1000);
    t.equal(await blob.read(0, 10), undefined);
  }
  t.match(held.stats(), { blobs: 1, blobsRemembered: 1, bytes: MIB });
  await store(held, second);
  await held.evict(1);
  t.strictSame(there(held), [1], 'what is held is still used in turn');
  t.equal(held.stats().blobsRemembered, 1);
});

t.test('what the mount cache has complete goes before what nobody asked for', async (t) => {
  let otherBytes = 0;
  const fixture = storeFixture(t);
  const elsewhere = samples[4]?.blobId;
  const held = await fixture.open(
    { bytesMax: 10 * MIB },
    { now: clock(), otherBytes: () => otherBytes, isCompleteElsewhere: (id) => id === elsewhere },
  );
  for (const sample of samples) await store(held, sample);
  t.equal(there(held).length, 6);
  otherBytes = 4.5 * MIB;
  await writeLittle(held, 10);
  await settled(held, 4);
  t.strictSame(there(held), [1, 2, 3, 5], 'of ten and a half nine are left');
  otherBytes = 5.9 * MIB;
  await writeLittle(held, 11);
  await settled(held, 4);
  t.strictSame(there(held), [1, 2, 3, 5], 'within the limit nothing goes');
  otherBytes = 20 * MIB;
  await writeLittle(held, 12);
  await until('nothing may stay', () => held.bytes === 0);
  await store(held, oldest);
  await until('nothing has room', () => held.bytes === 0);
  await until('that was told', () => fixture.events.some(({ kind }) => kind === 'over-limit'));
});

t.test('bytes are those on the disk, not those of the blobs', async (t) => {
  const fixture = storeFixture(t);
  const sample = sampleBytes(77, 64 * MIB);
  const held = await fixture.open();
  await using blob = await held.blob(sample.blobId, sample.bytes.length);
  await put(blob, sample, 10, 20);
  await put(blob, sample, 32 * MIB, 33 * MIB);
  await held.flush();
  const path = join(fixture.directory, 'blobs', sample.blobId.slice(0, 2), sample.blobId);
  t.equal(held.bytes, statSync(path).blocks * 512);
  t.ok(held.bytes < 2 * MIB);
});

t.test('last use is known after a restart', async (t) => {
  const fixture = storeFixture(t);
  const first = await fixture.open({}, { now: clock() });
  for (const sample of samples) await store(first, sample);
  await using asked = await first.blob(oldest.blobId, MIB);
  await asked.read(0, 10);
  await first.close();
  const second = await fixture.open({ bytesMax: 5.5 * MIB }, { now: clock() });
  t.equal(there(second).length, 6, 'a start evicts nothing: pins follow');
  await writeLittle(second, 10);
  await settled(second, 4);
  t.strictSame(there(second), [0, 3, 4, 5]);
});
