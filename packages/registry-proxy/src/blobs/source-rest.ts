/**
 * A source that said nothing until the registry had answered in its place rests for a while, longer
 * each time: otherwise every part of a blob would wait for it first.
 */
import type { Clock } from '../clock.ts';
import { SHARED_REST_MS, SHARED_REST_MS_MAX } from '../limits.ts';

export class SourceRest {
  readonly #clock: Clock;
  #restMs = SHARED_REST_MS;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isResting(): boolean {
    return this.#clock() < this.#untilMs;
  }

  /** Reads that were under way together count once. */
  noteSilence(): void {
    if (this.isResting) return;
    this.#untilMs = this.#clock() + this.#restMs;
    this.#restMs = Math.min(2 * this.#restMs, SHARED_REST_MS_MAX);
  }

  noteAnswer(): void {
    this.#restMs = SHARED_REST_MS;
  }
}
