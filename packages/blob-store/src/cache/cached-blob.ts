/** What the cache serves of one blob: its types. */
import type { BlobId } from '@shoal/oci';
import type { FetchCause } from '../source/blob-source.ts';
import type { Priority } from '../source/priority.ts';

export type EnsureOptions = {
  /** @default 'demand' */
  readonly priority?: Priority;
  readonly signal?: AbortSignal;
  /** Told the names of sources that delivered what the call waited for; none: it was here. */
  readonly onSource?: (name: string) => void;
  /**
   * An eventfd that is never closed, signalled by the thread that has made blocks of the range ready: who
   * waits for them hears of it sooner than by the promise. It may be signalled for others too, or not at all.
   */
  readonly readyEventFd?: number | undefined;
};

export type BlobStats = {
  readonly blobId: BlobId;
  readonly bytesTotal: number;
  readonly bytesPresent: number;
  readonly bytesDurable: number;
  readonly chunksTotal: number;
  readonly chunksPresent: number;
  /** Stored bytes fetched, by the name of the source that delivered them. */
  readonly bytesFetchedBySource: Readonly<Record<string, number>>;
  readonly bytesFetchedByCause: Readonly<Record<FetchCause, number>>;
  /** Ranged reads asked of the source. */
  readonly requests: number;
  /** Calls that had to wait for a chunk. */
  readonly misses: number;
  readonly missMsP50: number;
  readonly missMsP99: number;
  /** Chunks that failed verification, fetches that failed for good. */
  readonly errors: number;
  /** Bytes given to readers without being kept, because the disk was full. */
  readonly bytesPassedThrough: number;
};

export interface CachedBlob extends AsyncDisposable {
  readonly blobId: BlobId;
  /**
   * Names the device file among those of the cache: the blob's id, with a suffix when an image
   * that is open describes the same blob otherwise. Equal keys share one file and one ready map.
   */
  readonly fileKey: string;
  /** The device file: sparse, its size is final, mode 0600. */
  readonly path: string;
  readonly sizeBytes: number;
  /** One bit for each block of 4 KiB, least significant first; set: the block may be read. */
  readonly readyMap: SharedArrayBuffer;
  readonly isComplete: boolean;
  /**
   * Resolves when every block of the range may be read from the device file. Rejects with
   * ERR_BLOB_STORE_CACHE_FULL when the disk is full: then `read` still works.
   */
  ensure(offset: number, length: number, options?: EnsureOptions): Promise<void>;
  /**
   * Like `ensure`, but on a full disk resolves with the range's bytes, which are in no file.
   * Resolves with undefined when they are in the device file.
   */
  ensureOrRead(
    offset: number,
    length: number,
    options?: EnsureOptions,
  ): Promise<Uint8Array | undefined>;
  /** The range's bytes, from the device file where possible. */
  read(offset: number, length: number, options?: EnsureOptions): Promise<Buffer>;
  /** Makes everything present durable now. */
  flush(): Promise<void>;
  stats(): BlobStats;
  /** Ends this use; what others wait for goes on. */
  close(): Promise<void>;
}
