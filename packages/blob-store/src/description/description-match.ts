/**
 * Whether two images mean the same blob. A blob's id names its stored bytes, but what a chunk is
 * comes from each image's own bootstrap, and an image is not trusted to speak for another.
 */
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import type { BlobDescription, ChunkColumns } from './blob-description.ts';

/** False when the image does not tell the chunk's digest. */
export function isDigestKnown(chunks: ChunkColumns, chunk: number): boolean {
  for (let at = chunk * DIGEST_BYTES; at < (chunk + 1) * DIGEST_BYTES; at++) {
    if (chunks.digests[at] !== 0) return true;
  }
  return false;
}

/** Equal in everything both of them tell. */
export function isSameBlob(left: BlobDescription, right: BlobDescription): boolean {
  return (
    left.blobId === right.blobId &&
    left.sizeBytes === right.sizeBytes &&
    left.compressor === right.compressor &&
    left.digester === right.digester &&
    isSameKey(left, right) &&
    isSameLayout(left.chunks, right.chunks) &&
    hasNoOtherDigest(left.chunks, right.chunks)
  );
}

/** A copy whose digests can be completed from descriptions of other images. */
export function ownDescription(description: BlobDescription): BlobDescription {
  const { chunks } = description;
  return { ...description, chunks: { ...chunks, digests: chunks.digests.slice() } };
}

/** Adds the digests that `from` knows and `to` does not. */
export function completeDigests(to: BlobDescription, from: BlobDescription): void {
  for (let chunk = 0; chunk < to.chunks.count; chunk++) {
    if (isDigestKnown(to.chunks, chunk)) continue;
    const start = chunk * DIGEST_BYTES;
    to.chunks.digests.set(from.chunks.digests.subarray(start, start + DIGEST_BYTES), start);
  }
}

/** Where the chunks lie in the device file, as bytes to be hashed. */
export function layoutBytes(chunks: ChunkColumns): Uint8Array {
  const length = chunks.count * (Float64Array.BYTES_PER_ELEMENT + Uint32Array.BYTES_PER_ELEMENT);
  const raw = new ArrayBuffer(length);
  new Float64Array(raw, 0, chunks.count).set(chunks.offset);
  new Uint32Array(raw, chunks.count * 8, chunks.count).set(chunks.size);
  return new Uint8Array(raw);
}

function isSameLayout(left: ChunkColumns, right: ChunkColumns): boolean {
  if (left.count !== right.count) return false;
  const columns = [
    'storedOffset',
    'storedSize',
    'offset',
    'size',
    'unitSize',
    'unitOffset',
  ] as const;
  return [...columns, 'flags' as const].every((name) => isSameColumn(left[name], right[name]));
}

function isSameColumn(left: NodeJS.TypedArray, right: NodeJS.TypedArray): boolean {
  return bytesOf(left).equals(bytesOf(right));
}

function isSameKey(left: BlobDescription, right: BlobDescription): boolean {
  const [one, other] = [left.cipherKey, right.cipherKey];
  if (one === undefined || other === undefined) return one === other;
  return isSameColumn(one.key, other.key) && isSameColumn(one.iv, other.iv);
}

function hasNoOtherDigest(left: ChunkColumns, right: ChunkColumns): boolean {
  if (isSameColumn(left.digests, right.digests)) return true;
  for (let chunk = 0; chunk < left.count; chunk++) {
    if (!isDigestKnown(left, chunk) || !isDigestKnown(right, chunk)) continue;
    const start = chunk * DIGEST_BYTES;
    const end = start + DIGEST_BYTES;
    const isSame =
      Buffer.compare(left.digests.subarray(start, end), right.digests.subarray(start, end)) === 0;
    if (!isSame) return false;
  }
  return true;
}

function bytesOf(column: NodeJS.TypedArray): Buffer {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength);
}
