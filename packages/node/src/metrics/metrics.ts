/**
 * The metrics of a daemon in the text format of Prometheus. Parts tell what happens by small calls;
 * what can be counted at any time is asked for when somebody scrapes.
 */
import type { CacheEvent, FetchCause } from '@shoal/blob-store';
import { VERSION } from '@shoal/errors/version';
import type { PeerStatus } from '@shoal/p2p-peer';
import type { DriverStats, FinishedRequest, Miss, ReadObserver } from '@shoal/snapshotter';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRIC, type MetricDefinition } from './metric-definitions.ts';
import { readProcessFacts } from './process-facts.ts';

/** What is asked at each scrape. */
export type MetricSources = {
  readonly mounts: () => ReadonlyMap<string, number>;
  /** By driver; those with a part in the daemon. */
  readonly drivers: () => ReadonlyMap<string, DriverStats>;
  readonly cacheBytes: () => number;
  /** Undefined: no limit. */
  readonly cacheLimitBytes: () => number | undefined;
  readonly images: () => { readonly lazy: number; readonly ordinary: number };
  /** Undefined: the host shares nothing. */
  readonly peer: () => PeerStatus | undefined;
};

/** What stands in the label `source`. */
const SOURCES: ReadonlySet<string> = new Set([
  'registry',
  'peer-rack',
  'peer-zone',
  'peer-other',
  'cache',
]);

export class Metrics implements ReadObserver {
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #sources: Partial<MetricSources> = {};
  readonly #requests = this.#histogram(METRIC.requestSeconds);
  readonly #misses = this.#histogram(METRIC.missSeconds);
  readonly #fetched = this.#counter(METRIC.fetchedBytes);
  readonly #read = this.#counter(METRIC.readBytes);
  readonly #stalls = this.#counter(METRIC.stalls);
  readonly #evictions = this.#counter(METRIC.evictions);
  readonly #evictedBytes = this.#counter(METRIC.evictedBytes);
  readonly #renewals = this.#counter(METRIC.credentialRenewals);
  readonly #driverReads = this.#counter(METRIC.reads);
  readonly #cpu = this.#counter(METRIC.cpuSeconds);
  readonly #waiting = this.#gauge(METRIC.waiting);
  readonly #mounts = this.#gauge(METRIC.mounts);
  readonly #images = this.#gauge(METRIC.images);
  readonly #cacheBytes = this.#gauge(METRIC.cacheBytes);
  readonly #cacheLimit = this.#gauge(METRIC.cacheLimitBytes);
  readonly #peerBytes = this.#counter(METRIC.peerBytes);
  readonly #peerHosts = this.#gauge(METRIC.peerHosts);
  readonly #peerWires = this.#gauge(METRIC.peerWires);
  readonly #peerStore = this.#gauge(METRIC.peerStoreBytes);
  readonly #resident = this.#gauge(METRIC.residentBytes);
  readonly #heap = this.#gauge(METRIC.heapBytes);
  readonly #threads = this.#gauge(METRIC.threads);
  readonly #openFiles = this.#gauge(METRIC.openFiles);
  readonly #openFilesMax = this.#gauge(METRIC.openFilesMax);
  /** Uncompressed bytes of reads that waited. */
  #missedBytes = 0;

  constructor() {
    this.contentType = this.#registry.contentType;
    this.#gauge(METRIC.buildInfo).set({ version: VERSION, node: process.version }, 1);
    this.#gauge(METRIC.startSeconds).set(Date.now() / 1000 - process.uptime());
  }

  /** Whoever has something to tell at each scrape says how to ask. */
  watch(sources: Partial<MetricSources>): void {
    Object.assign(this.#sources, sources);
  }

  readonly requestFinished = ({ operation, code, seconds }: FinishedRequest): void => {
    this.#requests.observe({ operation, code }, seconds);
  };

  readonly fetched = (source: string, cause: FetchCause, bytes: number): void => {
    this.#fetched.inc({ source: sourceLabel(source), cause }, bytes);
  };

  readonly missed = ({ waitMs, length, source, isFailed }: Miss): void => {
    this.#misses.observe({ outcome: isFailed === true ? 'failed' : 'served' }, waitMs / 1000);
    this.#missedBytes += length;
    if (isFailed !== true) this.#read.inc({ source: sourceLabel(source) }, length);
  };

  readonly stalled = (): void => {
    this.#stalls.inc();
  };

  readonly cacheEvent = ({ kind, bytes = 0 }: CacheEvent): void => {
    if (kind !== 'evicted') return;
    this.#evictions.inc();
    this.#evictedBytes.inc(bytes);
  };

  readonly credentialsRenewed = (outcome: 'renewed' | 'failed'): void => {
    this.#renewals.inc({ outcome });
  };

  /** One scrape. */
  async text(): Promise<string> {
    this.#askDrivers();
    this.#askOthers();
    this.#askPeer();
    await this.#askProcess();
    return this.#registry.metrics();
  }

  #askDrivers(): void {
    let bytesRead = 0;
    this.#driverReads.reset();
    this.#waiting.reset();
    for (const [driver, stats] of this.#sources.drivers?.() ?? []) {
      bytesRead += stats.bytesRead;
      this.#waiting.set({ driver }, stats.waiting);
      this.#driverReads.inc({ driver, outcome: 'ready' }, stats.readyReads);
      this.#driverReads.inc({ driver, outcome: 'miss' }, stats.missReads);
      this.#driverReads.inc({ driver, outcome: 'failed' }, stats.failedReads);
    }
    this.#countCached(bytesRead);
  }

  #cachedBytes = 0;

  /** A counter never goes back, whatever is counted a moment earlier here than there. */
  #countCached(bytesRead: number): void {
    const more = bytesRead - this.#missedBytes - this.#cachedBytes;
    if (more <= 0) return;
    this.#cachedBytes += more;
    this.#read.inc({ source: 'cache' }, more);
  }

  #askOthers(): void {
    const { mounts, images, cacheBytes, cacheLimitBytes } = this.#sources;
    this.#mounts.reset();
    for (const driver of ['blobfs', 'complete']) this.#mounts.set({ driver }, 0);
    for (const [driver, count] of mounts?.() ?? []) this.#mounts.set({ driver }, count);
    const { lazy = 0, ordinary = 0 } = images?.() ?? {};
    this.#images.set({ kind: 'lazy' }, lazy);
    this.#images.set({ kind: 'ordinary' }, ordinary);
    this.#cacheBytes.set(cacheBytes?.() ?? 0);
    const limit = cacheLimitBytes?.();
    if (limit === undefined) this.#cacheLimit.remove();
    else this.#cacheLimit.set(limit);
  }

  #askPeer(): void {
    const peer = this.#sources.peer?.();
    this.#peerBytes.reset();
    for (const gauge of [this.#peerHosts, this.#peerWires, this.#peerStore]) gauge.remove();
    if (peer === undefined) return;
    for (const [source, bytes] of Object.entries(peer.traffic)) {
      this.#peerBytes.inc({ source }, bytes);
    }
    this.#peerHosts.set(peer.hosts);
    this.#peerWires.set(peer.wires);
    this.#peerStore.set(peer.store.bytes);
  }

  async #askProcess(): Promise<void> {
    const facts = await readProcessFacts();
    this.#cpu.reset();
    this.#cpu.inc(facts.cpuSeconds);
    this.#resident.set(facts.residentBytes);
    this.#heap.set(facts.heapBytes);
    this.#threads.set(facts.threads);
    this.#openFiles.set(facts.openFiles);
    this.#openFilesMax.set(facts.openFilesMax);
  }

  #counter(metric: MetricDefinition): Counter {
    return new Counter({ ...this.#configuration(metric) });
  }

  #gauge(metric: MetricDefinition): Gauge {
    return new Gauge({ ...this.#configuration(metric) });
  }

  #histogram(metric: MetricDefinition): Histogram {
    return new Histogram({ ...this.#configuration(metric), buckets: [...(metric.buckets ?? [])] });
  }

  #configuration({ name, help, labels = {} }: MetricDefinition) {
    return { name, help, labelNames: Object.keys(labels), registers: [this.#registry] };
  }
}

function sourceLabel(source: string): string {
  return SOURCES.has(source) ? source : 'other';
}
