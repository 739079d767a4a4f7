/**
 * Waits until a token bucket gives what was asked for; each takes its share at once, so all wait in turn,
 * and gives it back when nobody wants it any more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TokenBucket } from '../select/token-bucket.ts';

export type PaceOptions = {
  /** Infinity: no limit. */
  readonly bytesPerSecond: number;
  readonly nowMs: () => number;
};

export class Pace {
  readonly #bucket: TokenBucket;
  readonly #nowMs: () => number;

  constructor({ bytesPerSecond, nowMs }: PaceOptions) {
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond });
    this.#nowMs = nowMs;
  }

  /** How long so much would wait now. */
  waitMs(bytes: number, isDemand: boolean): number {
    return this.#bucket.waitMs(bytes, this.#nowMs(), isDemand);
  }

  /** Rejects with the reason of the signal. */
  async take(
    bytes: number,
    { isDemand, signal }: { readonly isDemand: boolean; readonly signal: AbortSignal },
  ): Promise<void> {
    const waitMs = this.waitMs(bytes, isDemand);
    this.#bucket.take(bytes, this.#nowMs());
    if (waitMs === 0) return;
    try {
      await sleep(waitMs, undefined, { signal });
    } catch {
      this.#bucket.giveBack(bytes);
      signal.throwIfAborted();
    }
  }
}
