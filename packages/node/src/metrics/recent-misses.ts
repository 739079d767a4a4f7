/**
 * How long reads of absent bytes waited lately: of the last minute or two, so that trackers show what is
 * slow now and not what was slow after the start.
 */
import { LatencyHistogram } from '@shoal/snapshotter';
import { RECENT_MISSES_MS } from '../limits.ts';

export type MissLatency = { readonly p50: number; readonly p99: number };

export class RecentMisses {
  readonly #nowMs: () => number;
  #before = new LatencyHistogram();
  #latest = new LatencyHistogram();
  #beganAtMs: number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
    this.#beganAtMs = nowMs();
  }

  add(waitMs: number): void {
    this.#turn();
    this.#latest.add(waitMs);
    this.#before.add(waitMs);
  }

  /** Undefined where none has waited. */
  latency(): MissLatency | undefined {
    this.#turn();
    const { count, p50Ms, p99Ms } = this.#before.summary();
    return count === 0 ? undefined : { p50: p50Ms, p99: p99Ms };
  }

  /** What is asked for counts from the beginning of the period before this one. */
  #turn(): void {
    const ageMs = this.#nowMs() - this.#beganAtMs;
    if (ageMs < RECENT_MISSES_MS) return;
    this.#before = ageMs < 2 * RECENT_MISSES_MS ? this.#latest : new LatencyHistogram();
    this.#latest = new LatencyHistogram();
    this.#beganAtMs = this.#nowMs();
  }
}
