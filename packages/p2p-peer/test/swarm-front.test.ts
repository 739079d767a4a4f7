/** What is waited for of a read comes first, and apart, from a host that holds it; a home is asked as ever. */
import { until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { BLOCK_BYTES_MAX } from '../src/limits.ts';
import { type ByteRange, rangeBytes } from '../src/ranges/byte-range.ts';
import { foundRight } from './support/found-right.ts';
import { type ClusterHost, CountingOrigin, PeerCluster } from './support/peer-cluster.ts';
import { blobIdOf } from './support/sample-bytes.ts';
import { patternedBlob } from './support/wire-pair.ts';

const REPOSITORY = 'registry.test/app';
const BLOCK = BLOCK_BYTES_MAX;
const bytes = patternedBlob((2 << 20) + 777);
const blobId = blobIdOf(bytes);
const key = { blobId, sizeBytes: bytes.length };
/** Of both hosts, so that each has a wire to the seed and has heard what it holds. */
const FIRST: ByteRange = { start: 0, end: 1000 };

t.setTimeout(120_000);

type Told = {
  readonly range: ByteRange;
  readonly isRight: boolean;
  /** Blocks that had been asked for by then. */
  readonly asks: number;
};

async function scene(t: Test) {
  const origin = new CountingOrigin(new Map([[blobId, bytes]]));
  const cluster = await PeerCluster.open(t, origin);
  const { seed, a, b } = await cluster.startThree();
  const read = async ({ peer }: ClusterHost, range: ByteRange, frontBytes = 0) => {
    const asked = () => peer.status().counts.asked;
    const before = asked();
    const told: Told[] = [];
    const source = peer.source(origin, REPOSITORY);
    const found = await source.read(key, range.start, rangeBytes(range), {
      frontBytes,
      onBytes: (start, part) => {
        const end = start + part.length;
        const isRight = part.equals(bytes.subarray(start, end));
        const { holder, home } = asked();
        const asks = holder + home - before.holder - before.home;
        told.push({ range: { start, end }, isRight, asks });
      },
      ...foundRight(range.start, rangeBytes(range)),
    });
    const isRight = found.equals(bytes.subarray(range.start, range.end));
    const { holder, home } = asked();
    const asks = { holder: holder - before.holder, home: home - before.home };
    // What is told later is not among them.
    return { isRight: isRight && told.every((each) => each.isRight), told: [...told], asks };
  };
  const seedHolds = () => seed.peer.status().store.bytesSettled;
  return { a, b, read, seedHolds };
}

t.test('of who holds it the front is asked for first, and told before the rest', async (t) => {
  const { a, b, read, seedHolds } = await scene(t);
  // It begins ten bytes before a block ends: the front is two requests.
  const range = { start: 2 * BLOCK - 10, end: 5 * BLOCK };
  await read(a, range);
  await until('the seed holds it', () => seedHolds() === rangeBytes(range));
  await read(b, FIRST);
  const { isRight, told, asks } = await read(b, range, 1000);
  t.ok(isRight);
  const [first, second, ...rest] = told;
  const front = [first, second].sort((x, y) => (x?.range.start ?? 0) - (y?.range.start ?? 0));
  t.match(front, [
    { range: { start: 2 * BLOCK - 10, end: 2 * BLOCK }, asks: 2 },
    { range: { start: 2 * BLOCK, end: 2 * BLOCK + 990 }, asks: 2 },
  ]);
  t.equal(rest.length, 3, 'one for each block');
  t.ok(rest.every(({ range: { start }, asks }) => start >= 2 * BLOCK + 990 && asks > 2));
  t.same(asks, { holder: 5, home: 0 });
});

t.test('of a home that holds nothing no front is asked for', async (t) => {
  const { b, read } = await scene(t);
  await read(b, FIRST);
  const range = { start: 2 * BLOCK, end: 4 * BLOCK };
  const { isRight, told, asks } = await read(b, range, 1000);
  t.ok(isRight);
  t.same(asks, { holder: 0, home: 2 }, 'as many as there are blocks');
  t.same(
    told.map((each) => rangeBytes(each.range)),
    [BLOCK, BLOCK],
  );
});
