/**
 * Content digests: `sha256:<64 hex>` or `sha512:<128 hex>`. Spec: OCI image descriptor, "Digests".
 */
import { createHash, type Hash } from 'node:crypto';
import { DigestSyntaxError } from './errors.ts';

declare const digestBrand: unique symbol;

/** A digest that has been checked: algorithm and hexadecimal form are right. */
export type Digest = string & { readonly [digestBrand]: true };

export type DigestAlgorithm = 'sha256' | 'sha512';

const DIGEST = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && DIGEST.test(value);
}

/** Throws `ERR_OCI_DIGEST`. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new DigestSyntaxError(text);
  return text;
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

/** The hexadecimal part, without the algorithm. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function sha256Digest(bytes: Uint8Array): Digest {
  return finishDigest('sha256', createHash('sha256').update(bytes));
}

/** The digest of bytes by the algorithm of another digest, to compare with it. */
export function digestLike(expected: Digest, bytes: Uint8Array): Digest {
  const algorithm = digestAlgorithm(expected);
  return finishDigest(algorithm, createHash(algorithm).update(bytes));
}

/** Ends a running hash; the hash cannot be used afterwards. */
export function finishDigest(algorithm: DigestAlgorithm, hash: Hash): Digest {
  return parseDigest(`${algorithm}:${hash.digest('hex')}`);
}
