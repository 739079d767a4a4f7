/**
 * A limit in front of a source: token buckets of bytes and of reads. A read starts when neither is
 * empty and takes its bytes on credit, so a small demand read waits for at most the one read before
 * it; waiting reads go in order of the priority they have by then.
 */
import { ClosedError, SourceBusyError } from '../errors.ts';
import { SOURCE_READS_WAITING_MAX } from '../limits.ts';
import { type BlobKey, type BlobReadOptions, type BlobSource, priorityOf } from './blob-source.ts';
import { rankOf } from './priority.ts';

export type RateLimitOptions = {
  /** @default no limit */
  readonly bytesPerSecond?: number | undefined;
  /** Bytes that may go at once after a quiet time. @default a quarter of a second's */
  readonly burstBytes?: number;
  /** @default no limit */
  readonly readsPerSecond?: number | undefined;
};

export type RateLimitComponents = {
  readonly nowMs: () => number;
  /** Calls back once, later; the answer cancels. */
  readonly schedule: (ms: number, run: () => void) => () => void;
};

const REAL: RateLimitComponents = {
  nowMs: () => performance.now(),
  schedule: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

/** Longer waits are looked at again in between: a timer cannot hold a month. */
const WAIT_MS_MAX = 60_000;

/** Whose reads these are; `refuse` ends them. */
export type LimitedReader = { readonly name: string };

type Waiting = {
  readonly source: LimitedReader;
  readonly bytes: number;
  readonly options: BlobReadOptions;
  readonly admit: () => void;
  readonly refuse: (error: unknown) => void;
};

/** A limit of several sources together. */
export class RateLimit {
  readonly #components: RateLimitComponents;
  readonly #bytes: CreditBucket;
  readonly #reads: CreditBucket;
  #waiting: Waiting[] = [];
  #cancelTimer: (() => void) | undefined;

  constructor(options: RateLimitOptions, components: RateLimitComponents = REAL) {
    this.#components = components;
    const nowMs = components.nowMs();
    const { bytesPerSecond, readsPerSecond, burstBytes } = options;
    this.#bytes = new CreditBucket({ perSecond: bytesPerSecond, burst: burstBytes, nowMs });
    this.#reads = new CreditBucket({ perSecond: readsPerSecond, nowMs });
  }

  /** Otherwise nothing waits. */
  get isLimited(): boolean {
    return this.#bytes.isLimited || this.#reads.isLimited;
  }

  over(source: BlobSource): BlobSource {
    return new LimitedSource(source, this);
  }

  /** Resolves when a read of so many bytes may start. */
  async enter(source: LimitedReader, bytes: number, options: BlobReadOptions): Promise<void> {
    const { signal } = options;
    signal?.throwIfAborted();
    if (!this.isLimited) return;
    if (this.#waiting.length >= SOURCE_READS_WAITING_MAX) throw new SourceBusyError();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { source, bytes, options, admit: resolve, refuse: reject };
    const onAbort = () => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.push(waiting);
    this.#admit();
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Reads of that source wait no longer. */
  refuse(source: LimitedReader): void {
    const own = this.#waiting.filter((waiting) => waiting.source === source);
    this.#waiting = this.#waiting.filter((waiting) => waiting.source !== source);
    for (const { refuse } of own) refuse(new ClosedError(`source ${source.name}`));
    if (this.#waiting.length === 0) this.#cancelTimer?.();
  }

  #admit(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const now = this.#components.nowMs();
    this.#bytes.fill(now);
    this.#reads.fill(now);
    while (this.#bytes.waitMs === 0 && this.#reads.waitMs === 0) {
      const next = this.#takeNext();
      if (next === undefined) return;
      this.#bytes.take(next.bytes);
      this.#reads.take(1);
      next.admit();
    }
    if (this.#waiting.length === 0) return;
    const waitMs = Math.max(this.#bytes.waitMs, this.#reads.waitMs);
    this.#cancelTimer = this.#components.schedule(Math.min(waitMs, WAIT_MS_MAX), () =>
      this.#admit(),
    );
  }

  /** The first of those with the highest priority. */
  #takeNext(): Waiting | undefined {
    const rank = ({ options }: Waiting) => rankOf(priorityOf(options));
    let best = this.#waiting[0];
    for (const waiting of this.#waiting) {
      if (best !== undefined && rank(waiting) < rank(best)) best = waiting;
    }
    this.#waiting = this.#waiting.filter((waiting) => waiting !== best);
    return best;
  }
}

/** More may be taken than is in it, as long as anything is: what follows waits longer. */
class CreditBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(options: {
    readonly perSecond: number | undefined;
    readonly burst?: number | undefined;
    readonly nowMs: number;
  }) {
    const { perSecond = Number.POSITIVE_INFINITY, burst = perSecond / 4, nowMs } = options;
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  get isLimited(): boolean {
    return this.#perMs !== Number.POSITIVE_INFINITY;
  }

  /** Whole milliseconds until something may be taken; 0 is now. */
  get waitMs(): number {
    return this.#tokens > 0 ? 0 : Math.ceil(-this.#tokens / this.#perMs) + 1;
  }

  fill(nowMs: number): void {
    const earned = nowMs > this.#filledAtMs ? (nowMs - this.#filledAtMs) * this.#perMs : 0;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#filledAtMs = nowMs;
  }

  take(amount: number): void {
    this.#tokens -= amount;
  }
}

class LimitedSource implements BlobSource {
  readonly name: string;
  readonly #source: BlobSource;
  readonly #limit: RateLimit;
  #isClosed = false;

  constructor(source: BlobSource, limit: RateLimit) {
    this.name = source.name;
    this.#source = source;
    this.#limit = limit;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    if (this.#isClosed) throw new ClosedError(`source ${this.name}`);
    await this.#limit.enter(this, length, options);
    return await this.#source.read(blob, offset, length, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#limit.refuse(this);
    await this.#source.close();
  }
}
