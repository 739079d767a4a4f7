/**
 * A blob as its mounts' readers see it: the cached blob, and the miss policy that decides what a
 * reader gets while bytes cannot be fetched. Never zeros: the bytes, an error, or patience.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CachedBlob } from '@shoal/blob-store';
import { errorCode, isRetryable } from '@shoal/errors';
import type { DriverBlob } from './driver/index.ts';
import { MissFailedError } from './errors.ts';
import { LatencyHistogram } from './latency.ts';
import {
  CORRUPT_ROUNDS_MAX,
  MISS_LOG_INTERVAL_MS,
  MISS_RETRY_DELAY_MS,
  MISS_RETRY_DELAY_MS_MAX,
} from './limits.ts';
import type { BlobStatus, FailureStatus, MissPolicy } from './mount-types.ts';
import { errorFields, type ServiceLog } from './service-log.ts';

type EnsureOptions = Parameters<DriverBlob['ensure']>[2];

export class ServedBlob implements DriverBlob {
  readonly servedAs: string;
  readonly #cached: CachedBlob;
  readonly #policy: MissPolicy;
  readonly #log: ServiceLog;
  readonly #latency = new LatencyHistogram();
  #waiting = 0;
  #waitingReason: string | undefined;
  #errors = 0;
  #lastError: FailureStatus | undefined;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(servedAs: string, cached: CachedBlob, policy: MissPolicy, log: ServiceLog) {
    this.servedAs = servedAs;
    this.#cached = cached;
    this.#policy = policy;
    this.#log = log;
  }

  get blobId(): string {
    return this.#cached.blobId;
  }

  get path(): string {
    return this.#cached.path;
  }

  get sizeBytes(): number {
    return this.#cached.sizeBytes;
  }

  get readyMap(): SharedArrayBuffer {
    return this.#cached.readyMap;
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
    this.#waiting += 1;
    try {
      const bytes = await this.#fetch(offset, length, options);
      this.#latency.add(performance.now() - startedAt);
      return bytes;
    } catch (error) {
      if (!options.signal.aborted) this.#recordFailure(error, offset, length);
      throw error;
    } finally {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#waitingReason = undefined;
    }
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
    const deadline = AbortSignal.timeout(policy.timeoutMs);
    const signal = AbortSignal.any([options.signal, deadline]);
    try {
      return await this.#fetchPatiently(offset, length, { ...options, signal }, true);
    } catch (error) {
      if (!deadline.aborted || options.signal.aborted) throw error;
      const reason = this.#waitingReason ?? 'the source does not answer';
      throw new MissFailedError(`no bytes within ${policy.timeoutMs} ms: ${reason}`, {
        cause: error,
        retryable: true,
      });
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
      try {
        return await this.#cached.ensureOrRead(offset, length, options);
      } catch (error) {
        if (!isPatient || options.signal.aborted || !isRetryable(error)) throw error;
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
