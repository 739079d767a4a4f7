/** What is kept of a read while it comes: whole pieces at once, the rest at its end. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { PIECE_BYTES } from '../src/limits.ts';
import { KeptParts } from '../src/swarm/kept-parts.ts';
import { sampleBytes } from './support/sample-bytes.ts';
import { storeFixture } from './support/store-fixture.ts';

const sample = sampleBytes(9, 4 * PIECE_BYTES);
const size = sample.bytes.length;

async function scene(t: Parameters<typeof storeFixture>[0], start: number, end: number) {
  const store = await storeFixture(t).open();
  const blob = await store.blob(sample.blobId, size);
  t.teardown(() => blob.close());
  const memory = Buffer.from(sample.bytes.subarray(start, end));
  const parts = new KeptParts(blob.deposit(), memory, start);
  return { store, blob, parts };
}

t.test('a piece is held as soon as it is whole, the rest when the read has ended', async (t) => {
  const [start, end] = [300_000, 3 * PIECE_BYTES + 5000];
  const { store, blob, parts } = await scene(t, start, end);
  for (let at = start; at < end; at += 70_001) {
    parts.add({ start: at, end: Math.min(end, at + 70_001) });
    const whole = Math.floor(Math.min(end, at + 70_001) / PIECE_BYTES) * PIECE_BYTES;
    if (whole > start) await until('it is held', () => blob.isHeld({ start, end: whole }));
    t.notOk(blob.isHeld({ start: Math.max(start, whole), end: at + 70_001 }));
  }
  await parts.end();
  t.strictSame([...blob.held], [{ start, end }]);
  t.ok((await blob.read(start, end - start))?.equals(sample.bytes.subarray(start, end)));
  t.equal(store.stats().deposits, 0, 'nothing waits for a verdict');
});

t.test('parts of several pieces, and parts with a gap between them', async (t) => {
  const { blob, parts } = await scene(t, 0, size);
  parts.add({ start: 10, end: 2 * PIECE_BYTES + 10 });
  await until('they are held', () => blob.isHeld({ start: 10, end: 2 * PIECE_BYTES }));
  parts.add({ start: 3 * PIECE_BYTES + 5, end: 3 * PIECE_BYTES + 6 });
  await parts.end();
  t.strictSame(
    [...blob.held],
    [
      { start: 10, end: 2 * PIECE_BYTES + 10 },
      { start: 3 * PIECE_BYTES + 5, end: 3 * PIECE_BYTES + 6 },
    ],
  );
  t.ok((await blob.read(10, PIECE_BYTES))?.equals(sample.bytes.subarray(10, 10 + PIECE_BYTES)));
});

t.test('what came of a blob that cannot be kept is lost, and nothing else happens', async (t) => {
  const { blob, parts } = await scene(t, 0, PIECE_BYTES);
  await blob.close();
  parts.add({ start: 0, end: PIECE_BYTES });
  await parts.end();
  t.pass('it resolves');
});
