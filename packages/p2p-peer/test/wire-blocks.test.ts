/** Blocks over real sockets, TLS and plain: every size arrives whole, many at once, either way. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import { BLOCK_BYTES_MAX, PIECE_BYTES } from '../src/limits.ts';
import { BufferServer, patternedBlob, plainPair, tlsPair } from './support/wire-pair.ts';

const BYTES = 3 * PIECE_BYTES + 12_345;
const SIZES = [1, 2, 7, 4095, 4096, 16_383, 16_384, 16_385, 65_535, 65_537, 131_071, 131_072];
const blob = patternedBlob(BYTES);
const pairs = { tls: tlsPair, plain: plainPair };

for (const [name, makePair] of Object.entries(pairs)) {
  t.test(`${name}: blocks of every size`, async (t) => {
    const { dialled } = await makePair(t, new BufferServer(blob), BYTES);
    for (const size of SIZES) {
      for (const offset of [0, 3, PIECE_BYTES - size, BYTES - Math.min(size, 12_345)]) {
        const length = Math.min(size, BYTES - offset);
        const bytes = await dialled.request(offset, length, { priority: 'demand' });
        t.ok(bytes.equals(blob.subarray(offset, offset + length)), `${length} at ${offset}`);
        t.ok(bytes.buffer.byteLength <= length + 8192 || !dialled.isOurs, 'memory of its own');
      }
    }
    t.ok(dialled.latencyMs > 0);
    t.equal(dialled.outstandingBytes, 0);
  });

  t.test(`${name}: many at once`, async (t) => {
    const { dialled } = await makePair(t, new BufferServer(blob), BYTES);
    const offsets = Array.from({ length: 24 }, (_, index) => index * BLOCK_BYTES_MAX);
    const blocks = offsets.map((offset) =>
      dialled.request(offset, BLOCK_BYTES_MAX, { priority: 'prefetch' }),
    );
    t.equal(dialled.outstandingBytes, 24 * BLOCK_BYTES_MAX);
    t.ok(Buffer.concat(await Promise.all(blocks)).equals(blob.subarray(0, 24 * BLOCK_BYTES_MAX)));
    t.equal(dialled.outstandingBytes, 0);
  });

  t.test(`${name}: what is held is told, at first and later`, async (t) => {
    const { dialled, accepted, dialServer } = await makePair(t, new BufferServer(blob), BYTES);
    await until('the first holdings are here', () => dialled.held.bytes === BYTES);
    t.same(dialServer.heard, [{ start: 0, end: BYTES }]);
    t.equal(accepted.held.bytes, 0);
    dialled.tellHeld([{ start: PIECE_BYTES, end: 2 * PIECE_BYTES }]);
    await until('later ones too', () => accepted.held.bytes === PIECE_BYTES);
    t.ok(accepted.held.covers({ start: PIECE_BYTES, end: 2 * PIECE_BYTES }));
  });

  t.test(`${name}: the one who was dialled asks as well`, async (t) => {
    const { accepted, dialServer } = await makePair(t, new BufferServer(blob), BYTES);
    dialServer.bytes.set(blob);
    const bytes = await accepted.request(100, 50_000, { priority: 'background' });
    t.ok(bytes.equals(blob.subarray(100, 50_100)));
  });
}

t.test('requests that no wire can carry are our own mistake', async (t) => {
  const { dialled } = await tlsPair(t, new BufferServer(blob), BYTES);
  for (const [offset, length] of [
    [-1, 10],
    [0, 0],
    [0, BLOCK_BYTES_MAX + 1],
    [PIECE_BYTES - 1, 2],
    [BYTES - 1, 2],
    [0.5, 10],
  ] as const) {
    await t.rejects(dialled.request(offset, length, { priority: 'demand' }), {
      code: 'ERR_P2P_WIRE_REQUEST',
    });
  }
  await t.rejects(dialled.askHashes(0, 5), { code: 'ERR_P2P_WIRE_REQUEST' });
});

t.test('hashes are asked for and answered in turn', async (t) => {
  const { dialled } = await tlsPair(t, new BufferServer(blob), BYTES);
  const asked = Array.from({ length: 50 }, (_, index) => dialled.askHashes(index % 4, 1));
  for (const [index, hashes] of (await Promise.all(asked)).entries()) {
    const piece = index % 4;
    t.same(hashes, [piece % 2 === 0 ? Buffer.alloc(32, piece) : undefined]);
  }
  const aborted = AbortSignal.abort(new Error('no more'));
  await t.rejects(dialled.askHashes(0, 1, aborted), { message: 'no more' });
  const leaving = new AbortController();
  const left = dialled.askHashes(0, 2, leaving.signal);
  leaving.abort(new Error('left'));
  await t.rejects(left, { message: 'left' });
  t.equal((await dialled.askHashes(0, 4)).length, 4, 'the answer that nobody awaits is dropped');
});
