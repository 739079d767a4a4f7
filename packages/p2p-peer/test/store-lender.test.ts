/** What somebody lends is held, announced and read, and takes no room in the store. */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { ByteRange } from '../src/index.ts';
import { REAL_STORE_IO } from '../src/store/blob-files.ts';
import { sampleBytes } from './support/sample-bytes.ts';
import { SampleLender } from './support/sample-lender.ts';
import { put, storeFixture, wrongRanges } from './support/store-fixture.ts';

const MIB = 1 << 20;
const BLOCK = 4096;
const sample = sampleBytes(21, 4 * MIB + 123);
const size = sample.bytes.length;
const ALL = { start: 0, end: size };

/** What the file of the sample takes on the disk. */
function diskBytes(directory: string): number {
  const path = join(directory, 'blobs', sample.blobId.slice(0, 2), sample.blobId);
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

t.test('what is lent takes no room any more, and is read where it lies', async (t) => {
  const fixture = storeFixture(t);
  const lender = new SampleLender([sample]);
  const held: ByteRange[] = [];
  const store = await fixture.open({}, { lender, onHeld: (_, ranges) => held.push(...ranges) });
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, 3 * MIB);
  t.ok(await store.flush());
  t.ok(diskBytes(fixture.directory) >= 3 * MIB);
  held.length = 0;
  // Not where blocks begin and end, as chunks lie.
  lender.take(sample, { start: 100, end: MIB + 50 });
  lender.take(sample, { start: MIB + 50, end: 2 * MIB - 100 });
  t.strictSame(held, [], 'it was held already');
  t.ok(await store.flush());
  await until('holes are made', () => diskBytes(fixture.directory) <= MIB + 2 * BLOCK);
  await until('they count no more', () => store.bytes === diskBytes(fixture.directory));
  t.strictSame([...blob.held], [{ start: 0, end: 3 * MIB }]);
  t.strictSame(await wrongRanges(blob, sample), [], 'part from there, part from here');
  t.ok(lender.reads > 0);
  lender.take(sample, { start: 3 * MIB, end: size });
  t.strictSame(held, [{ start: 3 * MIB, end: size }], 'others hear of what is new');
  t.strictSame(await wrongRanges(blob, sample), []);
  t.equal(await blob.completeBlob(), 'right', 'the digest of the whole, from both places');
  t.ok(blob.isComplete);
  const hash = createHash('sha256').update(sample.bytes.subarray(MIB, 2 * MIB));
  t.ok((await blob.hashPiece(1))?.equals(hash.digest()));
  const deposit = blob.deposit();
  t.ok(await deposit.write(200, Buffer.alloc(500, 1)), 'what is lent is not written');
  deposit.settle(200, 500, 'right');
  deposit.close();
  t.strictSame(await wrongRanges(blob, sample), []);
});

t.test('what is lent no more is held no more, and can be written', async (t) => {
  const fixture = storeFixture(t);
  const lender = new SampleLender([sample]);
  const store = await fixture.open({}, { lender });
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, MIB);
  lender.take(sample, { start: 0, end: 2 * MIB });
  t.ok(await store.flush());
  lender.lose(sample, { start: MIB / 2, end: 2 * MIB });
  t.strictSame([...blob.held], [{ start: 0, end: MIB / 2 }]);
  t.strictSame(fixture.lost, [[sample.blobId, [{ start: MIB / 2, end: 2 * MIB }]]]);
  t.equal(await blob.read(MIB, 10), undefined);
  lender.lose(sample, { start: 0, end: 100 }, false);
  t.equal(await blob.read(50, 100), undefined, 'nobody had said so');
  t.strictSame([...blob.held], [{ start: 150, end: MIB / 2 }], 'it was told of by that');
  t.ok(await store.flush());
  await until('it is free', async () => await put(blob, sample, 0, 2 * MIB));
  t.equal(blob.held.bytes, 2 * MIB);
  t.strictSame(await wrongRanges(blob, sample), []);
});

t.test('a restart knows what lies here, and hears what is lent', async (t) => {
  const fixture = storeFixture(t);
  const lender = new SampleLender([sample]);
  const first = await fixture.open({}, { lender });
  const blob = await first.blob(sample.blobId, size);
  await put(blob, sample, 0, size);
  t.equal(await blob.completeBlob(), 'right');
  lender.take(sample, { start: 0, end: 3 * MIB });
  await first.close();
  const alone = await fixture.open();
  const own = await alone.blob(sample.blobId, size);
  t.strictSame([...own.held], [{ start: 3 * MIB, end: size }]);
  t.strictSame(await wrongRanges(own, sample), []);
  t.notOk(alone.facts(sample.blobId)?.isComplete, 'what comes again may be something else');
  await alone.close();
  const second = await fixture.open({}, { lender });
  await using again = await second.blob(sample.blobId, size);
  t.strictSame([...again.held], [ALL]);
  t.strictSame(await wrongRanges(again, sample), []);
});

t.test('there is no hole before no record tells of its bytes', async (t) => {
  const fixture = storeFixture(t);
  const lender = new SampleLender([sample]);
  const steps: string[] = [];
  let fails = false;
  const store = await fixture.open(
    {},
    {
      lender,
      io: {
        ...REAL_STORE_IO,
        record: async (write) => {
          if (fails) throw Object.assign(new Error('EIO'), { code: 'EIO' });
          await write();
          steps.push('record');
        },
        punch: (...hole) => {
          steps.push('hole');
          REAL_STORE_IO.punch(...hole);
        },
      },
    },
  );
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, 2 * MIB);
  await store.flush();
  steps.length = 0;
  fails = true;
  lender.take(sample, { start: 0, end: MIB });
  t.notOk(await store.flush());
  t.strictSame(steps, [], 'the record tells of them still');
  t.strictSame(await wrongRanges(blob, sample), []);
  fails = false;
  t.ok(await store.flush());
  await until('a hole is made', () => steps.includes('hole'));
  t.strictSame(steps, ['record', 'hole']);
});

t.test('a file system without holes keeps what it has, and says so once', async (t) => {
  const fixture = storeFixture(t);
  const lender = new SampleLender([sample]);
  const punch = () => {
    throw Object.assign(new Error('EOPNOTSUPP'), { code: 'EOPNOTSUPP' });
  };
  const io = { ...REAL_STORE_IO, punch };
  const store = await fixture.open({}, { lender, io });
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, 2 * MIB);
  lender.take(sample, { start: 0, end: MIB / 2 });
  await store.flush();
  await until('it is told', () => fixture.events.some(({ kind }) => kind === 'no-holes'));
  lender.take(sample, { start: 0, end: 3 * MIB });
  await store.flush();
  lender.lose(sample, { start: 0, end: 3 * MIB });
  t.strictSame([...blob.held], [{ start: MIB / 2, end: 2 * MIB }], 'what was not given up');
  t.strictSame(await wrongRanges(blob, sample), []);
  t.equal(fixture.events.filter(({ kind }) => kind === 'no-holes').length, 1);
});

t.test('a blob of which all is lent takes no record', async (t) => {
  const fixture = storeFixture(t);
  const lender = new SampleLender([sample]);
  const store = await fixture.open({}, { lender });
  const blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, size);
  t.ok(await store.flush());
  lender.take(sample, ALL);
  t.ok(await store.flush());
  await until('nothing is left', () => store.bytes === 0);
  t.equal(store.stats().bytesLent, size);
  t.strictSame(await wrongRanges(blob, sample), []);
  await blob.close();
  t.equal(store.facts(sample.blobId), undefined);
  t.strictSame(readdirSync(join(fixture.directory, 'blobs', sample.blobId.slice(0, 2))), []);
  const known = await store.knownBlob(sample.blobId, size);
  t.ok(known?.isHeld(ALL), 'and is known all the same');
  await known?.close();
  t.equal(await store.knownBlob(sample.blobId, size - 1), undefined);
});

t.test('an eviction takes what lies here, not what is lent', async (t) => {
  const fixture = storeFixture(t);
  const lender = new SampleLender([sample]);
  const store = await fixture.open({}, { lender });
  await using blob = await store.blob(sample.blobId, size);
  await put(blob, sample, 0, 2 * MIB);
  await store.flush();
  lender.take(sample, { start: MIB, end: 3 * MIB });
  await store.flush();
  t.ok((await store.evict(1)) >= MIB);
  t.strictSame([...blob.held], [{ start: MIB, end: 3 * MIB }]);
  t.strictSame(await wrongRanges(blob, sample), []);
  t.ok(await put(blob, sample, 0, MIB));
  t.equal(blob.held.bytes, 3 * MIB);
});
