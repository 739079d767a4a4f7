/**
 * Latencies of misses in logarithmic buckets: constant memory, percentiles within 10 %.
 */
import type { LatencySummary } from './blob-types.ts';

/** Bucket n ends at 0.01 ms * 1.1^n; 240 buckets reach 15 hours. */
const FIRST_BUCKET_MS = 0.01;
const GROWTH = 1.1;
const BUCKETS = 240;

export class LatencyHistogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;

  add(durationMs: number): void {
    const bucket = Math.ceil(
      Math.log(Math.max(durationMs, FIRST_BUCKET_MS) / FIRST_BUCKET_MS) / Math.log(GROWTH),
    );
    const index = Math.min(BUCKETS - 1, Math.max(0, bucket));
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count += 1;
  }

  summary(): LatencySummary {
    return { count: this.#count, p50Ms: this.#percentile(0.5), p99Ms: this.#percentile(0.99) };
  }

  /** Upper edge of the bucket that holds the quantile; 0 when there is nothing. */
  #percentile(quantile: number): number {
    if (this.#count === 0) return 0;
    const rank = Math.ceil(this.#count * quantile);
    let seen = 0;
    for (const [index, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Number((FIRST_BUCKET_MS * GROWTH ** index).toPrecision(3));
    }
    return 0;
  }
}
