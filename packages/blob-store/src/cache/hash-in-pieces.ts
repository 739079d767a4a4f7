/**
 * The hash that tells descriptions of a blob apart. The tables of a blob with millions of chunks do
 * not fit one job of the codec threads: then it is the hash of the hashes of their pieces.
 */
import type { CodecPool } from '../codec/codec-pool.ts';
import { JOB_BYTES_MAX } from '../limits.ts';

/** SHA-256 of the bytes, or of the SHA-256s of pieces of `pieceBytesMax`. */
export async function hashInPieces(
  pool: CodecPool,
  bytes: Uint8Array,
  pieceBytesMax = JOB_BYTES_MAX,
): Promise<Buffer> {
  if (bytes.length <= pieceBytesMax) return await hash(pool, bytes);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytesMax) {
    pieces.push(await hash(pool, bytes.subarray(at, at + pieceBytesMax)));
  }
  return await hash(pool, Buffer.concat(pieces));
}

/** A copy is hashed: what goes to a thread is gone here. */
async function hash(pool: CodecPool, bytes: Uint8Array): Promise<Buffer> {
  const { buffer: raw } = new Uint8Array(bytes);
  const lengths = Uint32Array.of(bytes.length);
  return Buffer.from((await pool.run('digest', { raw, lengths, digester: 'sha256' })).digests);
}
