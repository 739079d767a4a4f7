/**
 * Waits until a token bucket gives what was asked for. Each takes its share at once, so all wait in
 * turn; one that is given up while it waits gives its share back, and those behind it move up.
 */
import { TokenBucket } from '../select/token-bucket.ts';

export type PaceOptions = {
  /** Infinity: no limit. */
  readonly bytesPerSecond: number;
  readonly nowMs: () => number;
};

export type PaceCall = {
  /** True: may borrow from what comes later, and leaves the others to wait. */
  readonly isDemand: boolean;
  readonly signal: AbortSignal;
};

type Waiter = { readonly go: () => void; atMs: number; timer: NodeJS.Timeout };

export class Pace {
  readonly #bucket: TokenBucket;
  readonly #bytesPerSecond: number;
  readonly #nowMs: () => number;
  /** In the order they came. */
  readonly #waiting = new Set<Waiter>();
  #isStopped = false;

  constructor({ bytesPerSecond, nowMs }: PaceOptions) {
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond });
    this.#bytesPerSecond = bytesPerSecond;
    this.#nowMs = nowMs;
  }

  /** Whoever asks from now on would wait for ever; those who wait have their turn. */
  stop(): void {
    this.#isStopped = true;
  }

  /** How long so much would wait now. */
  waitMs(bytes: number, isDemand: boolean): number {
    if (this.#isStopped) return Number.POSITIVE_INFINITY;
    return this.#bucket.waitMs(bytes, this.#nowMs(), isDemand);
  }

  /** Rejects with the reason of the signal; nothing is charged then. */
  async take(bytes: number, { isDemand, signal }: PaceCall): Promise<void> {
    signal.throwIfAborted();
    const nowMs = this.#nowMs();
    const waitMs = this.#bucket.waitMs(bytes, nowMs, isDemand);
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
