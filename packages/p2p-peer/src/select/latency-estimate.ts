/**
 * How long a peer takes for a block: an average that follows, and the time within which nineteen of
 * twenty answers come. Two numbers a wire; no history is kept.
 */

/** Newest measurement against all before. */
const WEIGHT = 0.125;
const QUANTILE = 0.95;
/** A step of the quantile, as part of the average. */
const STEP = 0.5;

export class LatencyEstimate {
  #averageMs: number;
  #p95Ms: number;
  #isFirst = true;

  /** Until something is measured: what is usual at that distance. */
  constructor(usualMs: number, usualP95Ms: number = usualMs * 4) {
    this.#averageMs = usualMs;
    this.#p95Ms = usualP95Ms;
  }

  get averageMs(): number {
    return this.#averageMs;
  }

  get p95Ms(): number {
    return this.#p95Ms;
  }

  /** One block took so long. */
  add(tookMs: number): void {
    if (this.#isFirst) {
      this.#isFirst = false;
      this.#averageMs = tookMs;
      this.#p95Ms = Math.max(this.#p95Ms, tookMs * 2);
      return;
    }
    this.#averageMs += (tookMs - this.#averageMs) * WEIGHT;
    // Up by nineteen parts for each that is later, down by one for each that is not.
    const step = this.#averageMs * STEP;
    this.#p95Ms += tookMs > this.#p95Ms ? step * QUANTILE : step * (QUANTILE - 1);
    this.#p95Ms = Math.max(this.#p95Ms, this.#averageMs);
  }
}
