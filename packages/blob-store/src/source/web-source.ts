/** A file of a web server as a BlobSource: whoever reads knows its digest and its size. */
import type { WebFile } from '@shoal/registry-client';
import { SourceLengthError } from '../errors.ts';
import type { BlobKey, BlobReadOptions, BlobSource } from './blob-source.ts';

/** What a `WebFile` is to it. */
export type RangedFile = Pick<WebFile, 'read'> & { readonly size: number | undefined };

/** It does not close the file. */
export function webBlobSource(file: RangedFile): BlobSource {
  return {
    name: 'web',
    async read(blob: BlobKey, offset: number, length: number, options: BlobReadOptions = {}) {
      const { signal, onFetched, onBytes, onSize } = options;
      const { blobId, sizeBytes } = blob;
      // Of another file than the one that is meant nothing is read at all.
      if (sizeBytes !== undefined && file.size !== undefined && file.size !== sizeBytes) {
        throw new SourceLengthError(blobId, 0, sizeBytes, file.size);
      }
      const bytes = await file.read(offset, length, { signal, onBytes });
      if (file.size !== undefined) onSize?.(file.size);
      onFetched?.('web', bytes.byteLength);
      return bytes;
    },
    close: async () => undefined,
  };
}
