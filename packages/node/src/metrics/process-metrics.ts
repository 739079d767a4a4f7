/** Metrics of a process itself: which version it is, and what it takes. */
import { VERSION } from '@shoal/errors/version';
import type { Counter, Gauge } from 'prom-client';
import type { MetricDefinition, MetricSet } from './metric-set.ts';
import { readProcessFacts } from './process-facts.ts';

export const PROCESS_METRIC = {
  buildInfo: {
    name: 'shoal_build_info',
    kind: 'gauge',
    unit: 'none',
    help: 'Always 1; which version this is',
    labels: { version: 'of Shoal', node: 'of Node.js' },
  },
  cpuSeconds: {
    name: 'process_cpu_seconds_total',
    kind: 'counter',
    unit: 'seconds',
    help: 'User and system CPU time of the process, all threads',
  },
  startSeconds: {
    name: 'process_start_time_seconds',
    kind: 'gauge',
    unit: 'seconds',
    help: 'Start of the process, since 1970',
  },
  residentBytes: {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the process',
  },
  heapBytes: {
    name: 'nodejs_heap_used_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'JavaScript heap of the main thread in use',
  },
  threads: {
    name: 'process_threads',
    kind: 'gauge',
    unit: 'none',
    help: 'Threads of the process',
  },
  openFiles: {
    name: 'process_open_fds',
    kind: 'gauge',
    unit: 'none',
    help: 'Open file descriptors of the process',
  },
  openFilesMax: {
    name: 'process_max_fds',
    kind: 'gauge',
    unit: 'none',
    help: 'How many it may open',
  },
} as const satisfies Record<string, MetricDefinition>;

export class ProcessMetrics {
  readonly #cpu: Counter;
  readonly #resident: Gauge;
  readonly #heap: Gauge;
  readonly #threads: Gauge;
  readonly #openFiles: Gauge;
  readonly #openFilesMax: Gauge;

  constructor(set: MetricSet) {
    this.#cpu = set.counter(PROCESS_METRIC.cpuSeconds);
    this.#resident = set.gauge(PROCESS_METRIC.residentBytes);
    this.#heap = set.gauge(PROCESS_METRIC.heapBytes);
    this.#threads = set.gauge(PROCESS_METRIC.threads);
    this.#openFiles = set.gauge(PROCESS_METRIC.openFiles);
    this.#openFilesMax = set.gauge(PROCESS_METRIC.openFilesMax);
    set.gauge(PROCESS_METRIC.buildInfo).set({ version: VERSION, node: process.version }, 1);
    set.gauge(PROCESS_METRIC.startSeconds).set(Date.now() / 1000 - process.uptime());
  }

  /** Before each scrape. */
  async ask(): Promise<void> {
    const facts = await readProcessFacts();
    this.#cpu.reset();
    this.#cpu.inc(facts.cpuSeconds);
    this.#resident.set(facts.residentBytes);
    this.#heap.set(facts.heapBytes);
    this.#threads.set(facts.threads);
    this.#openFiles.set(facts.openFiles);
    this.#openFilesMax.set(facts.openFilesMax);
  }
}
