/**
 * Progress of a conversion on standard error: on a terminal the line of the running layer is
 * redrawn, elsewhere there is one plain line per step. Writing never holds up the conversion.
 */
import type { ConvertProgress } from '@shoal/converter';
import type { Output } from '../output.ts';
import { escapeText } from '../output.ts';
import { formatBytes, formatCount } from '../quantity-text.ts';
import { formatLayerDone, formatLayerState } from './convert-progress-text.ts';

const REDRAW_MS = 100;
const CLEAR_LINE = '\r\u001b[K';

type Running = {
  readonly layer: number;
  readonly name: string;
  readonly bytesTotal: number | undefined;
  readonly startMs: number;
};

export class ConvertProgressPrinter {
  readonly #output: Output;
  #writing: Promise<void> = Promise.resolve();
  #layers = 0;
  #running: Running | undefined;
  #drawnMs = 0;
  #isDrawn = false;

  constructor(output: Output) {
    this.#output = output;
  }

  show(event: ConvertProgress): void {
    switch (event.kind) {
      case 'manifest':
        this.#layers = event.layers;
        this.#line(
          // Of a directory nobody knows the bytes before it is read.
          `${event.platform}: ${formatCount(event.layers, 'layer')}${event.bytes > 0 ? `, ${formatBytes(event.bytes)}` : ''}`,
        );
        return;
      case 'layer-start':
        this.#running = {
          layer: event.layer,
          name: event.digest,
          bytesTotal: event.bytesTotal,
          startMs: performance.now(),
        };
        this.#draw(0);
        return;
      case 'layer-bytes':
        this.#draw(event.bytes);
        return;
      case 'layer-done':
        this.#running = undefined;
        this.#line(formatLayerDone(event.layer, this.#layers, event.report));
        return;
      case 'step':
        this.#line(event.text);
        return;
      case 'warning':
        this.#line(`warning: ${event.text}`);
        return;
    }
  }

  /** Takes the moving line away and waits until everything is written. */
  async close(): Promise<void> {
    if (this.#isDrawn) this.#write(CLEAR_LINE);
    this.#isDrawn = false;
    await this.#writing;
  }

  #draw(bytes: number): void {
    const running = this.#running;
    const nowMs = performance.now();
    if (running === undefined || !this.#output.isTerminal) return;
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#isDrawn = true;
    const { layer, name, bytesTotal, startMs } = running;
    const seconds = (nowMs - startMs) / 1000;
    const state = { layer, layers: this.#layers, name, bytes, bytesTotal, seconds };
    const text = escapeText(formatLayerState(state)).slice(0, (this.#output.columns || 80) - 1);
    this.#write(`${CLEAR_LINE}${text}`);
  }

  #line(text: string): void {
    const clear = this.#isDrawn ? CLEAR_LINE : '';
    this.#isDrawn = false;
    this.#write(`${clear}${escapeText(text)}\n`);
  }

  /** A terminal that went away must not end the conversion. */
  #write(text: string): void {
    this.#writing = this.#writing.then(() => this.#output.raw(text)).catch(() => {});
  }
}
