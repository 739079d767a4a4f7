import { createHash } from 'node:crypto';
import { CodecPool } from '@shoal/blob-store/codec-pool';
import { noise } from '@shoal/test-kit';
import t from 'tap';
import { likelyPieceBytes, PieceHasher } from '../src/torrent/piece-hasher.ts';

const KIB = 1 << 10;
const MIB = 1 << 20;
const GIB = 2 ** 30;
const { signal } = new AbortController();

function expected(bytes: Buffer, pieceBytes: number): Buffer {
  const hashes: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    hashes.push(
      createHash('sha1')
        .update(bytes.subarray(at, at + pieceBytes))
        .digest(),
    );
  }
  return Buffer.concat(hashes);
}

async function hashed(pool: CodecPool, bytes: Buffer, pieceBytes: readonly number[], step: number) {
  const hasher = new PieceHasher(pool, pieceBytes, signal);
  for (let at = 0; at < bytes.length; at += step) {
    hasher.add(bytes.subarray(at, at + step));
    await hasher.whenReady();
  }
  return await hasher.finish();
}

t.test('pieces of any blob, however its bytes come', async (t) => {
  await using pool = new CodecPool({ threads: 2 });
  const bytes = noise(3 * MIB + 5, 'pieces');
  for (const size of [1, 256 * KIB, 256 * KIB + 1, MIB, 2 * MIB - 1, bytes.length]) {
    const blob = bytes.subarray(0, size);
    for (const step of [size, 100_003, 3 * MIB]) {
      const pieces = await hashed(pool, blob, [256 * KIB, MIB], step);
      t.equal(pieces?.pieceBytes, 256 * KIB);
      t.same(pieces?.hashes, expected(blob, 256 * KIB), `${size} bytes, ${step} at a time`);
    }
  }
});

t.test('a blob that outgrows a length has the next; nobody else expected it', async (t) => {
  await using pool = new CodecPool({ threads: 2 });
  const bytes = Buffer.alloc(64 * MIB, noise(MIB, 'grown'));
  bytes.writeUInt32LE(1, 40 * MIB);
  const both = await hashed(pool, bytes, [256 * KIB, MIB], 5 * MIB);
  t.equal(both?.pieceBytes, MIB);
  t.same(both?.hashes, expected(bytes, MIB));
  const one = await hashed(pool, bytes.subarray(1), [256 * KIB, MIB, 4 * MIB], 5 * MIB);
  t.equal(one?.pieceBytes, 256 * KIB);
  t.same(one?.hashes, expected(bytes.subarray(1), 256 * KIB));
  t.equal(await hashed(pool, bytes, [256 * KIB], 5 * MIB), undefined, 'too large');
  t.equal(await hashed(pool, bytes.subarray(1), [MIB], 5 * MIB), undefined, 'too small');
});

t.test('what fails in the threads fails the blob', async (t) => {
  const pool = new CodecPool({ threads: 1 });
  const hasher = new PieceHasher(pool, [256 * KIB], signal);
  await pool.close();
  hasher.add(Buffer.alloc(2 * MIB));
  await t.rejects(hasher.finish(), { code: 'ERR_BLOB_STORE_CODEC_POOL' });
  await t.rejects(hasher.whenReady(), { code: 'ERR_BLOB_STORE_CODEC_POOL' });
});

t.test('what is hashed for a layer', async (t) => {
  t.same(likelyPieceBytes(0), [256 * KIB]);
  t.same(likelyPieceBytes(50 * MIB), [256 * KIB]);
  t.same(likelyPieceBytes(64 * MIB), [256 * KIB, MIB]);
  t.same(likelyPieceBytes(GIB), [MIB]);
  t.same(likelyPieceBytes(10 * GIB), [MIB, 4 * MIB]);
  t.same(likelyPieceBytes(undefined), [256 * KIB, MIB]);
});
