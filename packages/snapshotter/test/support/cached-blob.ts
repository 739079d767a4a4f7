/** A cached blob that stands for a real one: of its reads only `ensureOrRead` is alive. */
import type { CachedBlob } from '@shoal/blob-store';
import { parseBlobId } from '@shoal/oci';

export type Ensure = CachedBlob['ensureOrRead'];

const unused = () => Promise.reject(new Error('not used'));

export function cachedBlob(ensureOrRead: Ensure = unused): CachedBlob {
  const blobId = parseBlobId('ab'.repeat(32));
  return {
    blobId,
    fileKey: blobId,
    path: '/nowhere',
    sizeBytes: 4096,
    readyMap: new SharedArrayBuffer(8),
    isComplete: false,
    ensure: unused,
    ensureOrRead,
    read: unused,
    flush: () => Promise.resolve(),
    stats: () => ({
      blobId,
      bytesTotal: 4096,
      bytesPresent: 0,
      bytesDurable: 0,
      chunksTotal: 1,
      chunksPresent: 0,
      bytesFetchedBySource: {},
      bytesFetchedByCause: { demand: 0, readahead: 0, preheat: 0, prefetch: 0, background: 0 },
      requests: 0,
      misses: 0,
      missMsP50: 0,
      missMsP99: 0,
      errors: 0,
      bytesPassedThrough: 0,
    }),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
