/** Hashes of a published torrent, and the pieces that are held of its blob. */
import { createHash } from 'node:crypto';
import { noiseBytes } from '@shoal/test-kit';
import t from 'tap';
import { type HeldBlob, HeldPieces } from '../src/plain/held-pieces.ts';
import { PUBLISHED_PIECES_COMPARED_MAX } from '../src/plain/limits.ts';
import type { ByteRange } from '../src/ranges/byte-range.ts';
import { RangeSet } from '../src/ranges/range-set.ts';

const PIECE = 1000;
const bytes = noiseBytes(40 * PIECE + 300, 5);
const hashes = Array.from({ length: 41 }, (_, number) => {
  const piece = bytes.subarray(number * PIECE, (number + 1) * PIECE);
  return createHash('sha1').update(piece).digest();
});
const right = { pieceBytes: PIECE, pieceHashes: Buffer.concat(hashes) };
/** Right but for one piece. */
const wrongAt = (wrong: number) => ({
  pieceBytes: PIECE,
  pieceHashes: Buffer.concat(hashes.with(wrong, Buffer.alloc(20))),
});

function holding(ranges: readonly ByteRange[]) {
  const held = new RangeSet();
  for (const range of ranges) held.add(range);
  const read: number[] = [];
  const blob: HeldBlob = {
    held,
    sizeBytes: bytes.length,
    read: async (offset, length) => {
      read.push(offset / PIECE);
      return Buffer.from(bytes.subarray(offset, offset + length));
    },
  };
  return { blob, read };
}

t.test('whole pieces are compared, the short last one too', async (t) => {
  const { blob, read } = holding([
    { start: 500, end: 3 * PIECE - 1 },
    { start: 40 * PIECE - 1, end: bytes.length },
  ]);
  t.ok(await new HeldPieces().agree(blob, right));
  t.same(new Set(read), new Set([1, 40]));
  for (const wrong of [0, 2, 39]) t.ok(await new HeldPieces().agree(blob, wrongAt(wrong)), 'parts');
  for (const wrong of [1, 40]) t.notOk(await new HeldPieces().agree(blob, wrongAt(wrong)));
});

t.test('a few at a time, others each time, so many in all', async (t) => {
  const { blob, read } = holding([{ start: 0, end: bytes.length }]);
  const pieces = new HeldPieces();
  for (let look = 0; look < 10; look++) t.ok(await pieces.agree(blob, right));
  t.equal(read.length, PUBLISHED_PIECES_COMPARED_MAX);
  t.equal(new Set(read).size, read.length);
  t.notOk(await new HeldPieces().agree(blob, { ...right, pieceHashes: Buffer.alloc(41 * 20) }));
});
