/** How often one host or address may ask: so many at once, so many a second in the long run. */
import { LRUCache } from 'lru-cache';
import { RATES_REMEMBERED_MAX } from '../limits.ts';

type Bucket = { left: number; atMs: number };

export type RequestRate = { readonly burst: number; readonly perSecond: number };

export class RequestRates {
  readonly #buckets = new LRUCache<string, Bucket>({ max: RATES_REMEMBERED_MAX });
  readonly #rate: RequestRate;

  constructor(rate: RequestRate) {
    this.#rate = rate;
  }

  /** Whether one more is in order. */
  take(key: string, nowMs: number): boolean {
    const { burst, perSecond } = this.#rate;
    const bucket = this.#buckets.get(key) ?? { left: burst, atMs: nowMs };
    // A clock that is set back gives nothing.
    const passedMs = Math.max(0, nowMs - bucket.atMs);
    bucket.left = Math.min(burst, bucket.left + (passedMs * perSecond) / 1000);
    bucket.atMs = nowMs;
    this.#buckets.set(key, bucket);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }
}
