/** How much may be moved, and how often, in the long run: a bucket that fills at a rate. Clock passed in. */
export type TokenBucketOptions = {
  /** Tokens a second: bytes, or requests. Infinity: no limit. */
  readonly perSecond: number;
  /** Tokens that gather when nobody takes any. @default one second's */
  readonly burst?: number;
};

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst = perSecond }: TokenBucketOptions) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
  }

  /**
   * Milliseconds until so much is there: 0 is now. More than a full bucket waits for a full one; less than
   * nothing, until no more than that is owed.
   */
  waitMs(amount: number, nowMs: number): number {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return 0;
    this.#fill(nowMs);
    const needed = Math.min(amount, this.#burst);
    return this.#tokens >= needed ? 0 : ((needed - this.#tokens) / this.#perSecond) * 1000;
  }

  /** Whoever takes without asking before leaves the others to wait. */
  take(amount: number, nowMs: number): void {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return;
    this.#fill(nowMs);
    this.#tokens -= amount;
  }

  /** Of what was taken and is not used. */
  giveBack(amount: number): void {
    if (this.#perSecond === Number.POSITIVE_INFINITY) return;
    this.#tokens = Math.min(this.#burst, this.#tokens + amount);
  }

  #fill(nowMs: number): void {
    if (nowMs <= this.#filledAtMs) return;
    if (this.#filledAtMs !== Number.NEGATIVE_INFINITY) {
      const gained = ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
      this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    }
    this.#filledAtMs = nowMs;
  }
}
