/** The simulated origin: one link to all, a latency, and a limit on requests. */
import type { ByteRange } from '@shoal/p2p-peer';
import { BLOCK_BYTES_MAX, TokenBucket } from '@shoal/p2p-peer/select';
import type { Cluster } from './cluster.ts';
import type { EventQueue } from './event-queue.ts';

export type OriginAnswer =
  | { readonly kind: 'bytes'; readonly range: ByteRange }
  | { readonly kind: 'retry after'; readonly atMs: number };

const RETRY_AFTER_MS = 1000;

export class SimOrigin {
  readonly #events: EventQueue;
  readonly #cluster: Cluster;
  readonly #requests: TokenBucket;
  #freeAtMs = 0;
  bytes = 0;
  requests = 0;
  refused = 0;

  constructor(events: EventQueue, cluster: Cluster) {
    this.#events = events;
    this.#cluster = cluster;
    this.#requests = new TokenBucket({ perSecond: cluster.originRequestsPerSecond });
  }

  /** Told block by block, as the bytes come out of its link. */
  fetch(range: ByteRange, answer: (answer: OriginAnswer) => void): void {
    const { originLatencyMs, originBytesPerMs } = this.#cluster;
    const { nowMs } = this.#events;
    this.requests += 1;
    if (this.#requests.waitMs(1, nowMs) > 0) {
      this.refused += 1;
      const atMs = nowMs + originLatencyMs;
      this.#events.at(atMs, () => answer({ kind: 'retry after', atMs: atMs + RETRY_AFTER_MS }));
      return;
    }
    this.#requests.take(1, nowMs);
    this.bytes += range.end - range.start;
    for (let start = range.start; start < range.end; start += BLOCK_BYTES_MAX) {
      const block = { start, end: Math.min(range.end, start + BLOCK_BYTES_MAX) };
      const fromMs = Math.max(this.#freeAtMs, nowMs + originLatencyMs);
      this.#freeAtMs = fromMs + (block.end - block.start) / originBytesPerMs;
      this.#events.at(this.#freeAtMs, () => answer({ kind: 'bytes', range: block }));
    }
  }
}
