/**
 * Whether anybody is at the other end of a wire: keeps it alive (BEP 3), and ends it when nothing
 * comes any more, or when what was sent is not read.
 */
import type { ShoalError } from '@shoal/errors';
import { WireTimeoutError } from './errors.ts';
import { KEEP_ALIVE_MS, SILENCE_MS_MAX, STALL_MS_MAX, WIRE_CHECK_MS } from './limits.ts';

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
    this.#heardAtMs = performance.now();
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
