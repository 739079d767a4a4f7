/**
 * The digest of a file that was written already: for algorithms nobody knew of while it was.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Digest, type DigestAlgorithm, finishDigest } from '@shoal/oci';
import { FILE_READ_BYTES } from '../limits.ts';
import { fileError } from './regular-file.ts';

/** Reads the whole file. Throws `ERR_REGISTRY_CLIENT_FILE`. */
export async function hashFile(path: string, algorithm: DigestAlgorithm): Promise<Digest> {
  const hash = createHash(algorithm);
  try {
    await pipeline(createReadStream(path, { highWaterMark: FILE_READ_BYTES }), async (pieces) => {
      for await (const piece of pieces) hash.update(piece);
    });
  } catch (error) {
    throw fileError(error, `${path} cannot be read back`);
  }
  return finishDigest(algorithm, hash);
}
