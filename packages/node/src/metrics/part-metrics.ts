/** Metrics of a process that is one part of the daemon and nothing else: `shoal peer`, `shoal proxy`. */
import { MetricSet, type Scraped } from './metric-set.ts';
import { ProcessMetrics } from './process-metrics.ts';

export class PartMetrics<Part> implements Scraped {
  readonly #set = new MetricSet();
  readonly #process = new ProcessMetrics(this.#set);
  readonly contentType = this.#set.contentType;
  readonly part: Part;
  #ask: ((part: Part) => void) | undefined;

  constructor(open: (set: MetricSet) => Part) {
    this.part = open(this.#set);
  }

  /** For what is not told as it happens: asked before each scrape. */
  watch(ask: (part: Part) => void): void {
    this.#ask = ask;
  }

  readonly text = async (): Promise<string> => {
    this.#ask?.(this.part);
    await this.#process.ask();
    return await this.#set.text();
  };
}
