/**
 * The hash that tells descriptions of a blob apart. What is long is hashed in a thread, and the tables
 * of a blob with millions of chunks in pieces: then it is the hash of the hashes of the pieces.
 */
import { createHash } from 'node:crypto';
import { HASH_HERE_BYTES_MAX, JOB_BYTES_MAX } from '../limits.ts';

/** SHA-256 of the bytes, or of the SHA-256s of pieces of `pieceBytesMax`. */
export async function hashInPieces(
  bytes: Uint8Array,
  pieceBytesMax = JOB_BYTES_MAX,
): Promise<Buffer> {
  if (bytes.length <= pieceBytesMax) return await hash(bytes);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytesMax) {
    pieces.push(await hash(bytes.subarray(at, at + pieceBytesMax)));
  }
  return await hash(Buffer.concat(pieces));
}

/** Not by the codec threads: a daemon that starts needs none, and each takes time and memory. */
async function hash(bytes: Uint8Array): Promise<Buffer> {
  if (bytes.length <= HASH_HERE_BYTES_MAX) return createHash('sha256').update(bytes).digest();
  return Buffer.from(await crypto.subtle.digest('SHA-256', new Uint8Array(bytes)));
}
