/** Metrics that are scraped together, in the text format of Prometheus. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export type MetricDefinition = {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** Of its values; in the name, too, as Prometheus wants it. */
  readonly unit:
    | 'seconds'
    | 'bytes'
    | 'requests'
    | 'reads'
    | 'mounts'
    | 'blobs'
    | 'images'
    | 'none';
  readonly help: string;
  /** Label names, and what they may be. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Upper bounds. */
  readonly buckets?: readonly number[];
};

/** What a server of metrics gives. */
export type Scraped = { readonly contentType: string; readonly text: () => Promise<string> };

export class MetricSet {
  readonly contentType: string;
  readonly #registry = new Registry();

  constructor() {
    this.contentType = this.#registry.contentType;
  }

  counter(metric: MetricDefinition): Counter {
    return new Counter({ ...this.#configuration(metric) });
  }

  gauge(metric: MetricDefinition): Gauge {
    return new Gauge({ ...this.#configuration(metric) });
  }

  histogram(metric: MetricDefinition): Histogram {
    return new Histogram({ ...this.#configuration(metric), buckets: [...(metric.buckets ?? [])] });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #configuration({ name, help, labels = {} }: MetricDefinition) {
    return { name, help, labelNames: Object.keys(labels), registers: [this.#registry] };
  }
}
