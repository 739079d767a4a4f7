/**
 * The line of progress on standard error: on a terminal it is redrawn in its place, and lines that stay
 * are printed above it. Writing never holds up the work, and a terminal that went away does not end it.
 */
import type { Output } from './output.ts';
import { escapeText } from './output.ts';

const CLEAR_LINE = '\r\u001b[K';

export class MovingLine implements AsyncDisposable {
  readonly #output: Output;
  #isDrawn = false;
  #writing: Promise<void> = Promise.resolve();

  constructor(output: Output) {
    this.#output = output;
  }

  /** Elsewhere there is no line that moves. */
  get isOnTerminal(): boolean {
    return this.#output.isTerminal;
  }

  /** Only on a terminal: the line says this now, as much of it as fits. */
  redraw(text: string): void {
    if (!this.isOnTerminal) return;
    this.#isDrawn = true;
    this.#write(`${CLEAR_LINE}${escapeText(text).slice(0, this.#output.columns - 1)}`);
  }

  /** A line that stays. */
  print(text: string): void {
    const clear = this.#isDrawn ? CLEAR_LINE : '';
    this.#isDrawn = false;
    this.#write(`${clear}${escapeText(text)}\n`);
  }

  /** Takes the moving line away and waits until everything is written. */
  async close(): Promise<void> {
    if (this.#isDrawn) this.#write(CLEAR_LINE);
    this.#isDrawn = false;
    await this.#writing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #write(text: string): void {
    this.#writing = this.#writing.then(() => this.#output.raw(text)).catch(() => {});
  }
}
