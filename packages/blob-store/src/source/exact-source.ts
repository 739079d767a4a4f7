/**
 * Holds a source to its word: exactly the bytes asked for, of a range that can exist. Whether they
 * are the right bytes is checked per chunk, after decompression.
 */
import { BlobRangeError, SourceLengthError } from '../errors.ts';
import type { BlobKey, BlobReadOptions, BlobSource } from './blob-source.ts';

export function exactSource(source: BlobSource): BlobSource {
  return {
    name: source.name,
    async read(blob: BlobKey, offset: number, length: number, options: BlobReadOptions = {}) {
      const size = blob.sizeBytes ?? Number.MAX_SAFE_INTEGER;
      const isSane = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
      if (!isSane || offset < 0 || length < 0 || offset + length > size) {
        throw new BlobRangeError(blob.blobId, offset, length, size);
      }
      if (length === 0) return Buffer.alloc(0);
      const bytes = await source.read(blob, offset, length, options);
      if (bytes.length !== length) {
        throw new SourceLengthError(blob.blobId, offset, length, bytes.length);
      }
      return bytes;
    },
    close: () => source.close(),
  };
}
