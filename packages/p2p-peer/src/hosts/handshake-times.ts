/**
 * How long hosts have taken of late from the connection to the end of their handshake: one that takes
 * several times as long has stopped, and readers go on without it.
 */
import { FadingMaximum } from '../fading-maximum.ts';
import { HANDSHAKE_HALF_LIFE_MS } from './limits.ts';

/** Signatures take one host longer than another, and many come at once where many start. */
const TIMES = 3;

export class HandshakeTimes {
  readonly #longest = new FadingMaximum(HANDSHAKE_HALF_LIFE_MS);

  took(ms: number, nowMs: number): void {
    this.#longest.saw(ms, nowMs);
  }

  /** How long to wait for the next one; undefined where nobody has shown yet how long it takes. */
  patienceMs(nowMs: number): number | undefined {
    const longestMs = this.#longest.at(nowMs);
    return longestMs === undefined ? undefined : TIMES * longestMs;
  }
}
