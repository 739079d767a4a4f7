/** The limits of a simulated host towards its origin, as `[registry]` of the daemon has them. */
import { TokenBucket } from '@shoal/p2p-peer/select';

export type OriginBudgetOptions = {
  readonly bytesPerSecond: number;
  readonly requestsPerSecond: number;
};

/** What one host takes from one origin: bytes and requests, and silence when the origin asks for it. */
export class OriginBudget {
  readonly #bytes: BorrowingBucket;
  readonly #requests: BorrowingBucket;
  #pausedUntilMs = 0;

  constructor({ bytesPerSecond, requestsPerSecond }: OriginBudgetOptions) {
    this.#bytes = new BorrowingBucket(bytesPerSecond);
    this.#requests = new BorrowingBucket(requestsPerSecond);
  }

  /** Milliseconds until this request may be sent; 0: it is counted as sent. */
  take(bytes: number, nowMs: number): number {
    const waitMs = Math.max(
      this.#pausedUntilMs - nowMs,
      this.#bytes.waitMs(bytes, nowMs),
      this.#requests.waitMs(1, nowMs),
    );
    if (waitMs > 0) return waitMs;
    this.#bytes.take(bytes, nowMs);
    this.#requests.take(1, nowMs);
    return 0;
  }

  /** `Retry-After`: nobody asks it before, whoever waits. */
  pauseUntil(atMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, atMs);
  }
}

/** Somebody waits for all that is read here: it borrows a second of what comes later, and the rest waits longer. */
class BorrowingBucket {
  readonly #bucket: TokenBucket;
  readonly #perSecond: number;

  constructor(perSecond: number) {
    this.#bucket = new TokenBucket({ perSecond });
    this.#perSecond = perSecond;
  }

  waitMs(amount: number, nowMs: number): number {
    return this.#bucket.waitMs(Math.min(amount, this.#perSecond) - this.#perSecond, nowMs);
  }

  take(amount: number, nowMs: number): void {
    this.#bucket.take(amount, nowMs);
  }
}
