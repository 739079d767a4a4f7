/**
 * How much a host asks for at a time, over all its reads: what its own link brings in a moment. More
 * would wait in queues of others, look late, be asked for again, and fill the link with bytes that are
 * here already. The rate is measured: most bytes of a period among the last ones.
 */
import { DOWNLOAD_BYTES_MIN, DOWNLOAD_HORIZON_MS } from './limits.ts';

/** Four blocks of 128 KiB come in so long over 100 Mbit/s; over less time one block that came late would be a rate. */
const PERIOD_MS = 50;
/** Blocks of 10 Mbit/s come each 100 ms: what takes five times as long was not asked for. */
const PAUSE_MS = 500;
/** The best of 0.8 s and more of arrivals: one bad moment makes the window no smaller, a slower link does soon. */
const PERIODS = 16;

export class DownloadWindow {
  /** Bytes a millisecond of each of the last periods in which any came. */
  readonly #rates: number[] = [];
  #periodStartMs = Number.NEGATIVE_INFINITY;
  #periodBytes = 0;
  #askedBytes = 0;

  /** Asked of peers and neither here nor refused nor cancelled. */
  get askedBytes(): number {
    return this.#askedBytes;
  }

  asked(bytes: number): void {
    this.#askedBytes += bytes;
  }

  /** It came, was refused, or is not wanted any more. */
  ended(bytes: number): void {
    this.#askedBytes = Math.max(0, this.#askedBytes - bytes);
  }

  /** Bytes have come, wanted or not. */
  arrived(bytes: number, nowMs: number): void {
    const tookMs = nowMs - this.#periodStartMs;
    this.#periodBytes += bytes;
    if (tookMs < PERIOD_MS) return;
    // After a pause a period begins anew: nobody may have asked for anything.
    if (tookMs < PAUSE_MS) this.#rates.push(this.#periodBytes / tookMs);
    if (this.#rates.length > PERIODS) this.#rates.shift();
    this.#periodStartMs = nowMs;
    this.#periodBytes = 0;
  }

  /** What may be asked for besides; never below 0. */
  get roomBytes(): number {
    return Math.max(0, this.#windowBytes() - this.#askedBytes);
  }

  #windowBytes(): number {
    const best = Math.max(this.#periodBytes / PERIOD_MS, ...this.#rates);
    return Math.max(DOWNLOAD_BYTES_MIN, best * DOWNLOAD_HORIZON_MS);
  }
}
