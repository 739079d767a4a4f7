/**
 * The metrics of a daemon in the text format of Prometheus. Parts tell what happens by small calls;
 * what can be counted at any time is asked for when somebody scrapes.
 */
import type { CacheEvent, FetchCause } from '@shoal/blob-store';
import type { PeerStatus } from '@shoal/p2p-peer';
import type { DriverStats, FinishedRequest, Miss, ReadObserver } from '@shoal/snapshotter';
import { METRIC } from './metric-definitions.ts';
import { MetricSet, type Scraped } from './metric-set.ts';
import { PeerMetrics } from './peer-metrics.ts';
import { ProcessMetrics } from './process-metrics.ts';
import { ProxyMetrics } from './proxy-metrics.ts';

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

export class Metrics implements ReadObserver, Scraped {
  readonly #set = new MetricSet();
  readonly contentType = this.#set.contentType;
  readonly #process = new ProcessMetrics(this.#set);
  readonly #peer = new PeerMetrics(this.#set);
  readonly #proxy = new ProxyMetrics(this.#set);
  readonly #sources: Partial<MetricSources> = {};
  readonly #requests = this.#set.histogram(METRIC.requestSeconds);
  readonly #misses = this.#set.histogram(METRIC.missSeconds);
  readonly #fetched = this.#set.counter(METRIC.fetchedBytes);
  readonly #read = this.#set.counter(METRIC.readBytes);
  readonly #stalls = this.#set.counter(METRIC.stalls);
  readonly #evictions = this.#set.counter(METRIC.evictions);
  readonly #evictedBytes = this.#set.counter(METRIC.evictedBytes);
  readonly #renewals = this.#set.counter(METRIC.credentialRenewals);
  readonly #driverReads = this.#set.counter(METRIC.reads);
  readonly #waiting = this.#set.gauge(METRIC.waiting);
  readonly #mounts = this.#set.gauge(METRIC.mounts);
  readonly #images = this.#set.gauge(METRIC.images);
  readonly #cacheBytes = this.#set.gauge(METRIC.cacheBytes);
  readonly #cacheLimit = this.#set.gauge(METRIC.cacheLimitBytes);
  /** Uncompressed bytes of reads that waited. */
  #missedBytes = 0;

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

  /** A block has come from another host. */
  readonly blockArrived = this.#peer.blockArrived;

  /** The mirror has answered a request. */
  readonly requestMirrored = this.#proxy.answered;

  /** One scrape. */
  readonly text = async (): Promise<string> => {
    this.#askDrivers();
    this.#askOthers();
    this.#peer.ask(this.#sources.peer?.());
    await this.#process.ask();
    return await this.#set.text();
  };

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
}

function sourceLabel(source: string): string {
  return SOURCES.has(source) ? source : 'other';
}
