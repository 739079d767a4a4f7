/**
 * A blob as its mounts' readers see it: the cached blob, and the miss policy that decides what a
 * reader gets while bytes cannot be fetched. Never zeros: the bytes, an error, or patience.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CachedBlob } from '@shoal/blob-store';
import { errorCode } from '@shoal/errors';
import type { DriverBlob } from '../driver/index.ts';
import { MissFailedError } from '../errors.ts';
import {
  CORRUPT_ROUNDS_MAX,
  MISS_LOG_INTERVAL_MS,
  MISS_RETRY_DELAY_MS,
  MISS_RETRY_DELAY_MS_MAX,
  STALL_MS,
} from '../limits.ts';
import { errorFields, type ServiceLog } from '../service-log.ts';
import type { BlobStatus, FailureStatus, MissPolicy } from './blob-types.ts';
import { canHeal } from './can-heal.ts';
import { LatencyHistogram } from './latency.ts';
import { type Miss, MissTrace, type ReadObserver, type TracedMisses } from './miss-trace.ts';
import { RecentFailures } from './recent-failures.ts';

type EnsureOptions = Parameters<DriverBlob['ensure']>[2] & {
  readonly onSource?: (name: string) => void;
};

/** What served blobs of a daemon tell of themselves. */
export type ServedBlobSinks = {
  readonly log: ServiceLog;
  readonly observer?: ReadObserver | undefined;
};

export class ServedBlob implements DriverBlob {
  readonly servedAs: string;
  readonly blobId: string;
  readonly path: string;
  readonly sizeBytes: number;
  readonly readyMap: SharedArrayBuffer;
  /** By owner; all of them are handles of one file. */
  readonly #handles = new Map<string, CachedBlob>();
  /** The handle in use: one that is open as long as there is any. */
  #cached: CachedBlob;
  readonly #policy: MissPolicy;
  readonly #log: ServiceLog;
  readonly #observer: ReadObserver | undefined;
  readonly #trace = new MissTrace();
  readonly #latency = new LatencyHistogram();
  readonly #failures = new RecentFailures();
  #waiting = 0;
  #waitingReason: string | undefined;
  #errors = 0;
  #lastError: FailureStatus | undefined;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(servedAs: string, cached: CachedBlob, policy: MissPolicy, sinks: ServedBlobSinks) {
    this.servedAs = servedAs;
    this.blobId = cached.blobId;
    this.path = cached.path;
    this.sizeBytes = cached.sizeBytes;
    this.readyMap = cached.readyMap;
    this.#cached = cached;
    this.#policy = policy;
    this.#log = sinks.log;
    this.#observer = sinks.observer;
  }

  get isUsed(): boolean {
    return this.#handles.size > 0;
  }

  /** Adds an owner with its handle of the same file. */
  async attach(owner: string, cached: CachedBlob): Promise<void> {
    const before = this.#handles.get(owner);
    this.#handles.set(owner, cached);
    if (this.#handles.size === 1) this.#cached = cached;
    await before?.close();
  }

  /** Takes an owner away; readers of the others go on with another handle. */
  async detach(owner: string): Promise<void> {
    const handle = this.#handles.get(owner);
    this.#handles.delete(owner);
    const [next] = this.#handles.values();
    if (next !== undefined) this.#cached = next;
    await handle?.close();
  }

  async close(): Promise<void> {
    for (const owner of [...this.#handles.keys()]) await this.detach(owner);
  }

  get isComplete(): boolean {
    return this.#cached.isComplete;
  }

  /** Resolves with the bytes themselves when the disk is full, else with undefined. */
  async ensure(
    offset: number,
    length: number,
    options: EnsureOptions,
  ): Promise<Uint8Array | undefined> {
    const startedAt = performance.now();
    const at = Date.now();
    const stall = setTimeout(() => this.#observer?.stalled(), STALL_MS).unref();
    let source = 'cache';
    const onSource = (name: string) => {
      source = name;
    };
    this.#waiting += 1;
    try {
      const bytes = await this.#fetch(offset, length, { ...options, onSource });
      const waitMs = performance.now() - startedAt;
      this.#latency.add(waitMs);
      this.#record({ at, offset, length, waitMs, source });
      return bytes;
    } catch (error) {
      if (!options.signal.aborted) {
        this.#recordFailure(error, offset, length);
        const waitMs = performance.now() - startedAt;
        this.#record({ at, offset, length, waitMs, source, isFailed: true });
      }
      throw error;
    } finally {
      clearTimeout(stall);
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#waitingReason = undefined;
    }
  }

  /** Ahead of any reader, who goes first; nobody is told, and nothing is tried twice. */
  async prefetch(offset: number, length: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      const handle = this.#cached;
      try {
        return await handle.ensure(offset, length, { priority: 'prefetch', signal });
      } catch (error) {
        // The mount whose handle it was has gone; another one's goes on.
        if (handle === this.#cached || signal.aborted) throw error;
      }
    }
  }

  #record(miss: Miss): void {
    this.#trace.add(miss);
    this.#observer?.missed(miss);
  }

  /** The reads that had to wait since it was opened. */
  misses(): TracedMisses {
    return this.#trace.read();
  }

  async #fetch(
    offset: number,
    length: number,
    options: EnsureOptions,
  ): Promise<Uint8Array | undefined> {
    const policy = this.#policy;
    if (policy.kind !== 'deadline') {
      return this.#fetchPatiently(offset, length, options, policy.kind === 'wait');
    }
    const failure = this.#failures.find(offset, length);
    if (failure !== undefined) throw failure;
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), policy.timeoutMs);
    const signal = AbortSignal.any([options.signal, deadline.signal]);
    try {
      return await this.#fetchPatiently(offset, length, { ...options, signal }, true);
    } catch (error) {
      if (!deadline.signal.aborted || options.signal.aborted) throw error;
      const reason = this.#waitingReason ?? 'the source does not answer';
      const message = `no bytes within ${policy.timeoutMs} ms: ${reason}`;
      const late = new MissFailedError(message, { cause: error, retryable: true });
      this.#failures.add(offset, length, late);
      throw late;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tries until it works or cannot heal; with `isPatient` false, once. */
  async #fetchPatiently(
    offset: number,
    length: number,
    options: EnsureOptions,
    isPatient: boolean,
  ): Promise<Uint8Array | undefined> {
    let delayMs = MISS_RETRY_DELAY_MS;
    let corruptRounds = 0;
    for (;;) {
      const handle = this.#cached;
      try {
        return await handle.ensureOrRead(offset, length, options);
      } catch (error) {
        if (handle !== this.#cached) continue;
        if (!isPatient || options.signal.aborted || !canHeal(error)) throw error;
        if (errorCode(error) === 'ERR_BLOB_STORE_CHUNK_CORRUPT') corruptRounds += 1;
        if (corruptRounds >= CORRUPT_ROUNDS_MAX) throw error;
        this.#recordWaiting(error, offset, length);
      }
      await sleep(delayMs * (0.5 + Math.random() / 2), undefined, { signal: options.signal });
      delayMs = Math.min(delayMs * 2, MISS_RETRY_DELAY_MS_MAX);
    }
  }

  #recordWaiting(error: unknown, offset: number, length: number): void {
    const fields = errorFields(error);
    this.#waitingReason = fields.reason;
    if (!this.#mayLog()) return;
    this.#log.warn({ blobId: this.blobId, offset, length, ...fields }, 'a reader waits for bytes');
  }

  #recordFailure(error: unknown, offset: number, length: number): void {
    const fields = errorFields(error);
    this.#errors += 1;
    this.#lastError = { ...fields, at: new Date().toISOString(), count: this.#errors };
    if (!this.#mayLog()) return;
    this.#log.error(
      { blobId: this.blobId, offset, length, errors: this.#errors, ...fields },
      'a read failed with EIO',
    );
  }

  #mayLog(): boolean {
    const now = performance.now();
    if (now - this.#loggedAt < MISS_LOG_INTERVAL_MS) return false;
    this.#loggedAt = now;
    return true;
  }

  get bytesPresent(): number {
    return this.#cached.stats().bytesPresent;
  }

  status(): BlobStatus {
    const stats = this.#cached.stats();
    return {
      blobId: this.blobId,
      bytesTotal: stats.bytesTotal,
      bytesPresent: stats.bytesPresent,
      isComplete: this.isComplete,
      fetched: { bySource: stats.bytesFetchedBySource, byCause: stats.bytesFetchedByCause },
      requests: stats.requests,
      misses: this.#latency.summary(),
      waiting: this.#waiting,
      waitingReason: this.#waitingReason,
      errors: this.#errors,
      corruptChunks: stats.errors,
      bytesPassedThrough: stats.bytesPassedThrough,
      lastError: this.#lastError,
    };
  }
}

/** Short text that is equal for equal policies. */
export function policyKey(policy: MissPolicy): string {
  return policy.kind === 'deadline' ? `d${policy.timeoutMs}` : policy.kind;
}
