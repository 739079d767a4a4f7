/**
 * Progress of a conversion on standard error: one line per step, and on a terminal a moving line of
 * the layer that is running.
 */
import type { ConvertProgress } from '@shoal/converter';
import { MovingLine } from '../moving-line.ts';
import type { Output } from '../output.ts';
import { formatBytes, formatCount } from '../quantity-text.ts';
import { formatLayerDone, formatLayerState } from './convert-progress-text.ts';

const REDRAW_MS = 100;

type Running = {
  readonly layer: number;
  readonly name: string;
  readonly bytesTotal: number | undefined;
  readonly startMs: number;
};

export class ConvertProgressPrinter implements AsyncDisposable {
  readonly #line: MovingLine;
  #layers = 0;
  #running: Running | undefined;
  #drawnMs = 0;

  constructor(output: Output) {
    this.#line = new MovingLine(output);
  }

  show(event: ConvertProgress): void {
    switch (event.kind) {
      case 'manifest':
        this.#layers = event.layers;
        this.#line.print(
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
        this.#line.print(formatLayerDone(event.layer, this.#layers, event.report));
        return;
      case 'step':
        this.#line.print(event.text);
        return;
      case 'warning':
        this.#line.print(`warning: ${event.text}`);
        return;
    }
  }

  /** Takes the moving line away and waits until everything is written. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#line.close();
  }

  #draw(bytes: number): void {
    const running = this.#running;
    const nowMs = performance.now();
    if (running === undefined || !this.#line.isOnTerminal) return;
    if (nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    const { layer, name, bytesTotal, startMs } = running;
    const seconds = (nowMs - startMs) / 1000;
    this.#line.redraw(
      formatLayerState({ layer, layers: this.#layers, name, bytes, bytesTotal, seconds }),
    );
  }
}
