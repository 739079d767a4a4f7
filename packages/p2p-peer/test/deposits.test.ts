/** Bytes that nobody judges: given up after a while, or when there are too many of their kind. */
import t from 'tap';
import { UNJUDGED_MS_MAX } from '../src/limits.ts';
import { DEPOSITS_MAX } from '../src/store/limits.ts';
import { sampleBytes } from './support/sample-bytes.ts';
import { storeFixture } from './support/store-fixture.ts';

const sample = sampleBytes(8, 100_000);
const size = sample.bytes.length;

t.test('what nobody judges for a minute is given up', async (t) => {
  let nowMs = 5_000_000;
  const fixture = storeFixture(t);
  const store = await fixture.open({}, { now: () => nowMs });
  await using blob = await store.blob(sample.blobId, size);
  const old = blob.deposit();
  const used = blob.deposit();
  await old.write(0, sample.bytes.subarray(0, 1000));
  await used.write(1000, sample.bytes.subarray(1000, 2000));
  nowMs += UNJUDGED_MS_MAX;
  await used.write(2000, sample.bytes.subarray(2000, 3000));
  nowMs += 1;
  t.equal(store.stats().deposits, 2);
  blob.deposit().close();
  t.equal(store.stats().deposits, 1, 'the next one finds those whose time is over');
  t.equal(old.settle(0, 1000, 'right'), 0, 'too late');
  t.notOk(await old.write(5000, sample.bytes.subarray(5000, 6000)));
  t.equal(await blob.readUnsettled(0, 1000), undefined);
  t.equal(used.settle(1000, 2000, 'right'), 2000);
  t.strictSame([...blob.held], [{ start: 1000, end: 3000 }]);
});

t.test('with too many of them the oldest is given up', async (t) => {
  const fixture = storeFixture(t);
  const store = await fixture.open();
  await using blob = await store.blob(sample.blobId, size);
  const first = blob.deposit();
  await first.write(0, sample.bytes.subarray(0, 10));
  const others = Array.from({ length: DEPOSITS_MAX }, () => blob.deposit());
  t.equal(store.stats().deposits, DEPOSITS_MAX);
  t.ok(first.isClosed);
  for (const deposit of others) deposit.close();
  t.equal(store.stats().deposits, 0);
});

t.test('those who serve hear what is held and what is lost', async (t) => {
  const held: unknown[] = [];
  const fixture = storeFixture(t);
  const store = await fixture.open({}, { onHeld: (blobId, ranges) => held.push([blobId, ranges]) });
  await using blob = await store.blob(sample.blobId, size);
  const deposit = blob.deposit();
  await deposit.write(0, sample.bytes.subarray(0, 100));
  t.strictSame(held, []);
  deposit.settle(10, 20, 'right');
  t.strictSame(held, [[sample.blobId, [{ start: 10, end: 30 }]]]);
  await store.evict(1);
  t.strictSame(fixture.lost, [[sample.blobId, [{ start: 10, end: 30 }]]]);
  t.equal(deposit.settle(40, 20, 'right'), 0, 'it went with the file');
  t.equal(blob.held.count, 0);
});

t.test(
  'a file that nobody has judged anything of is not taken for that of who comes next',
  async (t) => {
    const store = await storeFixture(t).open({ filesOpenMax: 1 });
    const { blobId, bytes } = sample;
    {
      await using blob = await store.blob(blobId, bytes.length);
      const deposit = blob.deposit();
      t.ok(await deposit.write(0, bytes.subarray(0, 1000)));
      deposit.close();
    }
    t.equal(store.stats().bytes, 0, 'what nobody knows of takes no room');
    await using blob = await store.blob(blobId, bytes.length);
    const deposit = blob.deposit();
    t.ok(await deposit.write(0, bytes.subarray(0, 1000)));
    deposit.settle(0, 1000, 'right');
    t.same(await blob.read(0, 1000), bytes.subarray(0, 1000));
    await store.flush();
    const other = sampleBytes(9, 1000);
    await using second = await store.blob(other.blobId, 1000);
    t.ok(await second.deposit().write(0, other.bytes), 'its file takes the place of the other one');
    t.ok(await deposit.write(1000, bytes.subarray(1000, 2000)));
    t.same(await blob.read(0, 1000), bytes.subarray(0, 1000), 'and that one is opened again');
  },
);
