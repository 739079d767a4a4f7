/**
 * Progress of a command that reads or writes bytes, on standard error: on a terminal one line that
 * is redrawn, elsewhere a plain line now and then. Writing never holds up the work.
 */
import type { Output } from './output.ts';
import { escapeText } from './output.ts';
import { formatBytes } from './quantity-text.ts';

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;
const CLEAR_LINE = '\r\u001b[K';

export class ByteProgress implements AsyncDisposable {
  readonly #output: Output;
  readonly #verb: string;
  readonly #startMs = performance.now();
  #lastMs = this.#startMs;
  #bytes = 0;
  #isDrawn = false;
  #writing: Promise<void> = Promise.resolve();

  /** `verb`: what is done to the bytes, e.g. `checked`. */
  constructor(output: Output, verb: string) {
    this.#output = output;
    this.#verb = verb;
  }

  /** So many more. */
  add(bytes: number): void {
    this.#bytes += bytes;
    const nowMs = performance.now();
    const { isTerminal, columns } = this.#output;
    if (nowMs - this.#lastMs < (isTerminal ? REDRAW_MS : PLAIN_LINE_MS)) return;
    this.#lastMs = nowMs;
    const rate = this.#bytes / ((nowMs - this.#startMs) / 1000);
    const text = `${this.#verb} ${formatBytes(this.#bytes)}, ${formatBytes(rate)}/s`;
    const line = escapeText(text).slice(0, columns - 1);
    this.#isDrawn = isTerminal;
    this.#write(isTerminal ? `${CLEAR_LINE}${line}` : `${line}\n`);
  }

  /** Takes the moving line away and waits until everything is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDrawn) this.#write(CLEAR_LINE);
    this.#isDrawn = false;
    await this.#writing;
  }

  #write(text: string): void {
    this.#writing = this.#writing.then(() => this.#output.raw(text)).catch(() => {});
  }
}
