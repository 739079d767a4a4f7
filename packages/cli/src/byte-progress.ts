/**
 * Progress of a command that reads or writes bytes: on a terminal a moving line, elsewhere a plain line
 * now and then.
 */
import { MovingLine } from './moving-line.ts';
import type { Output } from './output.ts';
import { formatBytes } from './quantity-text.ts';

const REDRAW_MS = 100;
const PLAIN_LINE_MS = 10_000;

export class ByteProgress implements AsyncDisposable {
  readonly #line: MovingLine;
  readonly #verb: string;
  readonly #startMs = performance.now();
  #lastMs = this.#startMs;
  #bytes = 0;

  /** `verb`: what is done to the bytes, e.g. `checked`. */
  constructor(output: Output, verb: string) {
    this.#line = new MovingLine(output);
    this.#verb = verb;
  }

  /** So many more. */
  add(bytes: number): void {
    this.#bytes += bytes;
    const nowMs = performance.now();
    const { isOnTerminal } = this.#line;
    if (nowMs - this.#lastMs < (isOnTerminal ? REDRAW_MS : PLAIN_LINE_MS)) return;
    this.#lastMs = nowMs;
    const rate = this.#bytes / ((nowMs - this.#startMs) / 1000);
    const text = `${this.#verb} ${formatBytes(this.#bytes)}, ${formatBytes(rate)}/s`;
    if (isOnTerminal) this.#line.redraw(text);
    else this.#line.print(text);
  }

  /** Takes the moving line away and waits until everything is written. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#line.close();
  }
}
