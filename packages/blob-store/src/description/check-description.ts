/**
 * Whether a description can be a blob: the cache's arithmetic relies on it, whoever made it.
 */
import {
  BLOB_UNCOMPRESSED_BYTES_MAX,
  BLOCK_SIZE,
  CHUNK_SIZE_MAX,
  CHUNKS_PER_BLOB_MAX,
} from '@shoal/rafs';
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import { BlobKindError, BlobLayoutError } from '../errors.ts';
import type { BlobDescription, ChunkColumns } from './blob-description.ts';
import { CHUNK_FLAG } from './blob-description.ts';

/** Encryption pads units shorter than a cipher block to 18 bytes; nothing else makes them larger. */
const STORED_BYTES_MAX = CHUNK_SIZE_MAX + 18;

/** Throws ERR_BLOB_STORE_BLOB_LAYOUT or ERR_BLOB_STORE_BLOB_KIND. */
export function checkDescription(description: BlobDescription): void {
  const { blobId, sizeBytes, chunks, cipherKey } = description;
  const fail = (detail: string): never => {
    throw new BlobLayoutError(blobId, detail);
  };
  if (chunks.count < 1 || chunks.count > CHUNKS_PER_BLOB_MAX) fail(`it has ${chunks.count} chunks`);
  if (!hasAllColumns(chunks)) fail('its chunk columns differ in length');
  if (sizeBytes > BLOB_UNCOMPRESSED_BYTES_MAX)
    fail(`it has ${sizeBytes} bytes, more than ${BLOB_UNCOMPRESSED_BYTES_MAX}`);
  let end = 0;
  for (let chunk = 0; chunk < chunks.count; chunk++) {
    const problem = problemOf(chunks, chunk, end, sizeBytes);
    if (problem !== undefined) fail(`chunk ${chunk} ${problem}`);
    end = (chunks.offset[chunk] ?? 0) + (chunks.size[chunk] ?? 0);
  }
  const isEncrypted = chunks.flags.some((flags) => (flags & CHUNK_FLAG.encrypted) !== 0);
  if (isEncrypted && cipherKey === undefined) {
    throw new BlobKindError(blobId, 'it is encrypted and the image has no key for it');
  }
}

function problemOf(
  chunks: ChunkColumns,
  chunk: number,
  end: number,
  sizeBytes: number,
): string | undefined {
  const offset = chunks.offset[chunk] ?? 0;
  const size = chunks.size[chunk] ?? 0;
  const storedSize = chunks.storedSize[chunk] ?? 0;
  const unitSize = chunks.unitSize[chunk] ?? 0;
  if (offset % BLOCK_SIZE !== 0 || offset < end) return 'overlaps the one before';
  if (size < 1 || offset + size > sizeBytes) return 'lies outside the device';
  if (unitSize > CHUNK_SIZE_MAX || storedSize > STORED_BYTES_MAX) return 'is too large';
  if (storedSize < 1 || !((chunks.storedOffset[chunk] ?? 0) >= 0)) return 'is stored nowhere';
  if ((chunks.unitOffset[chunk] ?? 0) + size > unitSize) return 'lies outside its unit';
  return undefined;
}

function hasAllColumns(chunks: ChunkColumns): boolean {
  const { count, digests, storedOffset, storedSize, offset, size, unitSize, unitOffset, flags } =
    chunks;
  const columns = [storedOffset, storedSize, offset, size, unitSize, unitOffset, flags];
  return columns.every(({ length }) => length === count) && digests.length === count * DIGEST_BYTES;
}
