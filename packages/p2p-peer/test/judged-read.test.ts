/** How the bytes of one read get to the store. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { parsePeerId } from '../src/identity/peer-id.ts';
import { PeerCredits } from '../src/select/credits.ts';
import { REAL_STORE_IO } from '../src/store/blob-files.ts';
import { JudgedRead } from '../src/swarm/judged-read.ts';
import { sampleBytes } from './support/sample-bytes.ts';
import { storeFixture } from './support/store-fixture.ts';

const sample = sampleBytes(1, 4000);
const sender = parsePeerId('ab'.repeat(20));

function partOf(start: number, end: number): [{ start: number; end: number }, Buffer] {
  return [{ start, end }, Buffer.from(sample.bytes.subarray(start, end))];
}

t.test('parts that touch are written together, in whatever order they came', async (t) => {
  const writes: [at: number, buffers: number][] = [];
  const store = await storeFixture(t).open({}, { io: countingIo(writes) });
  await using blob = await store.blob(sample.blobId, sample.bytes.length);
  const read = new JudgedRead({
    range: { start: 0, end: 3000 },
    deposit: blob.deposit(),
    credit: new PeerCredits().openRead(),
    hash: (range) => blob.hashUnsettled(range),
    whenFree: () => undefined,
    onWrong: () => t.fail('nothing is wrong'),
    onRight: () => undefined,
  });
  const uses = [partOf(1000, 2000), partOf(2500, 3000), partOf(0, 1000)].map((part) =>
    read.add(sender, ...part),
  );
  t.same(writes, [], 'nothing is written before all of it has come');
  read.write();
  await Promise.all(uses);
  t.same(writes, [
    [0, 2],
    [2500, 1],
  ]);
  read.judge(0, 3000, 'right');
  t.same([...blob.held], [], 'whoever waits for the bytes goes first');
  await until('the verdict counts', () => blob.held.bytes > 0);
  t.same(
    [...blob.held],
    [
      { start: 0, end: 2000 },
      { start: 2500, end: 3000 },
    ],
  );
  t.same(await blob.read(0, 2000), sample.bytes.subarray(0, 2000));
});

t.test('where no verdict follows nothing is written, and the bytes are free at once', async (t) => {
  const writes: [at: number, buffers: number][] = [];
  const store = await storeFixture(t).open({}, { io: countingIo(writes) });
  await using blob = await store.blob(sample.blobId, sample.bytes.length);
  const read = new JudgedRead({
    range: { start: 0, end: 1000 },
    deposit: blob.deposit(),
    credit: new PeerCredits().openRead(),
    hash: (range) => blob.hashUnsettled(range),
    whenFree: () => undefined,
    onWrong: () => undefined,
    onRight: () => undefined,
  });
  const use = read.add(sender, ...partOf(0, 1000));
  read.close();
  await use;
  t.same(writes, []);
});

/** Tells where each write goes, and of how many buffers. */
function countingIo(writes: [at: number, buffers: number][]) {
  const io: typeof REAL_STORE_IO = {
    ...REAL_STORE_IO,
    write(file, buffers, position) {
      writes.push([position, buffers.length]);
      return REAL_STORE_IO.write(file, buffers, position);
    },
  };
  return io;
}
