/**
 * The name of a RAFS blob: the hexadecimal part of its layer's sha256 digest.
 */
import { type Digest, digestAlgorithm, digestHex, parseDigest } from './digest.ts';
import { BlobIdSyntaxError } from './errors.ts';

declare const blobIdBrand: unique symbol;

/** 64 lowercase hexadecimal digits. */
export type BlobId = string & { readonly [blobIdBrand]: true };

export function isBlobId(value: unknown): value is BlobId {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value);
}

/** Throws `ERR_OCI_BLOB_ID`. */
export function parseBlobId(text: string): BlobId {
  if (!isBlobId(text)) throw new BlobIdSyntaxError(text);
  return text;
}

/** Throws `ERR_OCI_BLOB_ID` for a digest that is not sha256. */
export function blobIdOfDigest(digest: Digest): BlobId {
  if (digestAlgorithm(digest) !== 'sha256') throw new BlobIdSyntaxError(digest);
  return parseBlobId(digestHex(digest));
}

export function digestOfBlobId(blobId: BlobId): Digest {
  return parseDigest(`sha256:${blobId}`);
}
