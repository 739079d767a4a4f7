/**
 * What an open blob needs from its cache.
 */
import type { CodecPool } from '../codec/codec-pool.ts';
import type { VerbatimChunks } from '../description/verbatim-chunks.ts';
import type { FetchSink } from '../fetch/blob-counters.ts';
import type { BlobFiles } from '../files/blob-files.ts';
import type { BlobPaths } from '../files/file-names.ts';
import type { ReadGate } from '../source/read-gate.ts';
import type { CacheEventSink } from './cache-event.ts';

export type EntryComponents = {
  readonly fileKey: string;
  readonly paths: BlobPaths;
  readonly files: BlobFiles;
  /** What lies there just as it is stored; of nothing where images differ in how it is stored. */
  readonly verbatim: VerbatimChunks;
  readonly pool: CodecPool;
  /** Bounds what all blobs of the cache fetch at once. */
  readonly gate: ReadGate;
  readonly readaheadBytesMax: number;
  readonly durableDelayMs: number;
  /** Verified bytes that no file holds, by file key and chunk, bounded. */
  readonly looseChunks: LooseStore;
  readonly onEvent: CacheEventSink;
  readonly onFetched?: FetchSink | undefined;
  /** Told how many bytes were written to the device file. */
  readonly onWritten: (bytes: number) => void;
  readonly onWriteFailed: (error: unknown) => void;
  /** Told of chunks that are durable from now on. */
  readonly onDurable?: (chunks: readonly number[]) => void;
  /** Some that were durable are not here any more. */
  readonly onGone?: () => void;
  /** Removes a blob nobody uses; false when there is none. */
  readonly makeRoom: () => Promise<boolean>;
};

export type LooseStore = {
  readonly size: number;
  get(key: string): Uint8Array | undefined;
  set(key: string, bytes: Uint8Array): unknown;
  delete(key: string): unknown;
};
