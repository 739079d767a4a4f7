/**
 * Whether anybody is at the other end of a wire: keeps it alive (BEP 3), and ends it when nothing
 * comes any more, or when what was sent is not read. Also how long it is silent at times while it
 * lives, so that a busy host is not taken for a dead one.
 */
import type { ShoalError } from '@shoal/errors';
import { FadingMaximum } from '../../fading-maximum.ts';
import { WireTimeoutError } from '../errors.ts';
import {
  KEEP_ALIVE_MS,
  PAUSE_HALF_LIFE_MS,
  SILENCE_MS_MAX,
  STALL_MS_MAX,
  WIRE_CHECK_MS,
} from '../limits.ts';

export type WatchedLine = {
  keepAlive(): void;
  fail(error: ShoalError): void;
};

export class LineWatch {
  readonly #socket: { readonly writableLength: number };
  readonly #line: WatchedLine;
  readonly #timer: NodeJS.Timeout;
  #heardAtMs = performance.now();
  /** When something that was written left, or there was nothing left to send. */
  #sentAtMs = performance.now();
  /** Since when an answer is owed; undefined while none is. */
  #owedSinceMs: number | undefined;
  readonly #pause = new FadingMaximum(PAUSE_HALF_LIFE_MS);

  constructor(socket: { readonly writableLength: number }, line: WatchedLine) {
    this.#socket = socket;
    this.#line = line;
    this.#timer = setInterval(() => this.check(performance.now()), WIRE_CHECK_MS).unref();
  }

  /** When anything last came; clock of `performance.now()`. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  heard(): void {
    const nowMs = performance.now();
    if (this.#owedSinceMs !== undefined) {
      this.paused(nowMs - Math.max(this.#owedSinceMs, this.#heardAtMs), nowMs);
    }
    this.#heardAtMs = nowMs;
  }

  /** For how long nothing has come although an answer is owed, be it one to a request that was cancelled. */
  silentMs(nowMs: number): number {
    if (this.#owedSinceMs === undefined) return 0;
    return nowMs - Math.max(this.#owedSinceMs, this.#heardAtMs);
  }

  /** The longest silence while an answer was owed; less and less the longer ago it was. */
  pauseMs(nowMs: number): number {
    return this.#pause.at(nowMs) ?? 0;
  }

  /** It has been silent for so long, and lives. */
  paused(ms: number, nowMs: number): void {
    this.#pause.saw(ms, nowMs);
  }

  /** The other side has something to answer. */
  owes(isOwing: boolean): void {
    if (!isOwing) this.#owedSinceMs = undefined;
    else this.#owedSinceMs ??= performance.now();
  }

  /** For each write of the socket. */
  readonly onWritten = (): void => {
    this.#sentAtMs = performance.now();
  };

  check(nowMs: number): void {
    const isUnread = this.#socket.writableLength > 0;
    if (isUnread && nowMs - this.#sentAtMs > STALL_MS_MAX) {
      this.#line.fail(new WireTimeoutError('read what was sent', STALL_MS_MAX));
    } else if (!isUnread && nowMs - this.#heardAtMs > SILENCE_MS_MAX) {
      this.#line.fail(new WireTimeoutError('say anything', SILENCE_MS_MAX));
    } else if (!isUnread && nowMs - this.#sentAtMs > KEEP_ALIVE_MS) this.#line.keepAlive();
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
