/**
 * Nothing leaves a store unverified: whole documents at once, streams at their end.
 */
import { createHash } from 'node:crypto';
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestLike,
  finishDigest,
} from '@shoal/oci';
import { readBounded } from '@shoal/oci/bounded-body';
import { BodyLimitError, DigestMismatchError, SizeMismatchError } from './errors.ts';

/** Throws unless the bytes are the ones `descriptor` names. `where` names the place in errors. */
export function verifyBytes(
  bytes: Uint8Array,
  descriptor: Pick<Descriptor, 'digest' | 'size'>,
  where: string,
): void {
  if (bytes.byteLength !== descriptor.size) {
    throw new SizeMismatchError(where, descriptor.digest, descriptor.size, `${bytes.byteLength}`);
  }
  verifyDigest(bytes, descriptor.digest, where);
}

export function verifyDigest(bytes: Uint8Array, digest: Digest, where: string): void {
  const actual = digestLike(digest, bytes);
  if (actual !== digest) throw new DigestMismatchError(where, digest, actual);
}

/** Hands pieces on and throws instead of ending when size or digest do not fit. */
export async function* verifiedPieces(
  pieces: AsyncIterable<Buffer>,
  descriptor: Pick<Descriptor, 'digest' | 'size'>,
  where: string,
): AsyncGenerator<Buffer, void, void> {
  const algorithm = digestAlgorithm(descriptor.digest);
  const hash = createHash(algorithm);
  let size = 0;
  for await (const piece of pieces) {
    size += piece.byteLength;
    if (size > descriptor.size) {
      throw new SizeMismatchError(
        where,
        descriptor.digest,
        descriptor.size,
        `more than ${size - 1}`,
      );
    }
    hash.update(piece);
    yield piece;
  }
  if (size !== descriptor.size) {
    throw new SizeMismatchError(where, descriptor.digest, descriptor.size, `${size}`);
  }
  const actual = finishDigest(algorithm, hash);
  if (actual !== descriptor.digest) {
    throw new DigestMismatchError(where, descriptor.digest, actual);
  }
}

/** Collects pieces into one buffer of at most `bytesMax` bytes. */
export async function collectBounded(
  pieces: AsyncIterable<Uint8Array>,
  bytesMax: number,
  where: string,
): Promise<Buffer> {
  return await readBounded(pieces, bytesMax, () => {
    return new BodyLimitError(`${where}: more than ${bytesMax} bytes`, {
      remedy: 'no sound answer is this large: check what the name points at',
    });
  });
}
