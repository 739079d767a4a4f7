/**
 * How long hosts have taken of late from the connection to the end of their handshake: one that takes
 * several times as long has stopped, and readers go on without it.
 */
const HALF_LIFE_MS = 5000;
/** Signatures take one host longer than another, and many come at once where many start. */
const TIMES = 3;

export class HandshakeTimes {
  #longest: { readonly ms: number; readonly atMs: number } | undefined;

  took(ms: number, nowMs: number): void {
    if (ms >= this.#at(nowMs)) this.#longest = { ms, atMs: nowMs };
  }

  /** How long to wait for the next one; undefined where nobody has shown yet how long it takes. */
  patienceMs(nowMs: number): number | undefined {
    return this.#longest === undefined ? undefined : TIMES * this.#at(nowMs);
  }

  /** The longest counts half after a while: hosts are busy for seconds, not minutes. */
  #at(nowMs: number): number {
    if (this.#longest === undefined) return 0;
    const { ms, atMs } = this.#longest;
    return ms * 2 ** ((atMs - nowMs) / HALF_LIFE_MS);
  }
}
