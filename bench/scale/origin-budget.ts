/** The limits of a simulated host towards its origin, as `[registry]` of the daemon has them. */
import { TokenBucket } from '@shoal/p2p-peer/select';

export type OriginBudgetOptions = {
  readonly bytesPerSecond: number;
  readonly requestsPerSecond: number;
};

/** What one host takes from one origin: bytes and requests, and silence when the origin asks for it. */
export class OriginBudget {
  readonly #bytes: TokenBucket;
  readonly #requests: TokenBucket;
  #pausedUntilMs = 0;

  constructor({ bytesPerSecond, requestsPerSecond }: OriginBudgetOptions) {
    this.#bytes = new TokenBucket({ perSecond: bytesPerSecond });
    this.#requests = new TokenBucket({ perSecond: requestsPerSecond });
  }

  /** Milliseconds until this request may be sent; 0: it is counted as sent. */
  take(bytes: number, nowMs: number, isDemand: boolean): number {
    const waitMs = Math.max(
      this.#pausedUntilMs - nowMs,
      this.#bytes.waitMs(bytes, nowMs, isDemand),
      this.#requests.waitMs(1, nowMs, isDemand),
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
