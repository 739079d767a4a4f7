/**
 * A limit that is waited for in turn: what standard clients get, what is hashed for torrents. Each takes
 * its share of a token bucket at once, so all wait in the order they came; one that is given up while it
 * waits gives its share back, and those behind it move up.
 */
import { TokenBucket } from '../select/token-bucket.ts';

export type PaceOptions = {
  /** Infinity: no limit. */
  readonly bytesPerSecond: number;
  readonly nowMs: () => number;
};

type Waiter = { readonly go: () => void; atMs: number; timer: NodeJS.Timeout };

export class Pace {
  readonly #bucket: TokenBucket;
  readonly #bytesPerSecond: number;
  readonly #nowMs: () => number;
  /** In the order they came. */
  readonly #waiting = new Set<Waiter>();

  constructor({ bytesPerSecond, nowMs }: PaceOptions) {
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond });
    this.#bytesPerSecond = bytesPerSecond;
    this.#nowMs = nowMs;
  }

  /** How long so much would wait now. */
  waitMs(bytes: number): number {
    return this.#bucket.waitMs(bytes, this.#nowMs());
  }

  /** Rejects with the reason of the signal; nothing is charged then. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const nowMs = this.#nowMs();
    const waitMs = this.#bucket.waitMs(bytes, nowMs);
    this.#bucket.take(bytes, nowMs);
    if (waitMs === 0) return;
    const { promise, resolve: go, reject } = Promise.withResolvers<void>();
    const waiter = { go, atMs: nowMs + waitMs, timer: setTimeout(go, waitMs) };
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(waiter);
    try {
      await promise;
    } catch (error) {
      this.#giveBack(waiter, bytes);
      throw error;
    } finally {
      clearTimeout(waiter.timer);
      signal.removeEventListener('abort', onAbort);
      this.#waiting.delete(waiter);
    }
  }

  #giveBack(leaving: Waiter, bytes: number): void {
    const nowMs = this.#nowMs();
    this.#bucket.giveBack(bytes);
    const soonerMs = (bytes / this.#bytesPerSecond) * 1000;
    let isBehind = false;
    for (const waiter of this.#waiting) {
      if (isBehind) {
        waiter.atMs -= soonerMs;
        clearTimeout(waiter.timer);
        waiter.timer = setTimeout(waiter.go, Math.max(waiter.atMs - nowMs, 0));
      }
      isBehind ||= waiter === leaving;
    }
  }
}
