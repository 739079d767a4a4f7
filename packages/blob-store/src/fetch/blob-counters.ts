/**
 * What happened to one blob since it was opened: bytes by source and by cause, requests, and how
 * long readers waited. Waiting times go into buckets a quarter of an octave wide.
 */
import type { FetchCause } from '../source/blob-source.ts';
import { byPriority } from '../source/priority.ts';

const FIRST_BUCKET_MS = 0.05;
const BUCKETS_PER_OCTAVE = 4;
/** 0.05 ms * 2^25 is half an hour; what takes longer counts as that. */
const BUCKETS = 100;

/** Told of stored bytes that crossed a wire, by the name of their source. */
export type FetchSink = (sourceName: string, cause: FetchCause, bytes: number) => void;

export class BlobCounters {
  readonly #onFetched: FetchSink | undefined;
  requests = 0;
  misses = 0;
  errors = 0;
  bytesPassedThrough = 0;
  readonly bySource: Record<string, number> = {};
  readonly byCause: Record<FetchCause, number> = {
    ...byPriority(() => 0),
    readahead: 0,
  };
  readonly #missBuckets = new Uint32Array(BUCKETS);
  #missCount = 0;

  constructor(onFetched?: FetchSink | undefined) {
    this.#onFetched = onFetched;
  }

  countFetched(sourceName: string, cause: FetchCause, bytes: number): void {
    this.#onFetched?.(sourceName, cause, bytes);
    this.bySource[sourceName] = (this.bySource[sourceName] ?? 0) + bytes;
    this.byCause[cause] += bytes;
  }

  countMiss(ms: number): void {
    const octaves = Math.log2(Math.max(ms, FIRST_BUCKET_MS) / FIRST_BUCKET_MS);
    const bucket = Math.min(BUCKETS - 1, Math.ceil(octaves * BUCKETS_PER_OCTAVE));
    this.#missBuckets[bucket] = (this.#missBuckets[bucket] ?? 0) + 1;
    this.#missCount++;
  }

  /** Upper bound of the bucket that holds the given share of the misses; 0 without misses. */
  missMs(share: number): number {
    const rank = Math.ceil(share * this.#missCount);
    if (rank === 0) return 0;
    let seen = 0;
    for (const [bucket, count] of this.#missBuckets.entries()) {
      seen += count;
      if (seen >= rank) return FIRST_BUCKET_MS * 2 ** (bucket / BUCKETS_PER_OCTAVE);
    }
    return 0;
  }
}
