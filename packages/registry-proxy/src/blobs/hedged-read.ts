/**
 * One read of a source that lies before the registry. Where it fails, or gives nothing for too long,
 * the registry is asked beside it, once; whoever answers first counts, and the other is cancelled. It is
 * not asked while the source itself waits for the registry: that would only slow it down.
 */
import {
  SHARED_AFTER_FAILURE_MS,
  SHARED_FIRST_MS,
  SHARED_LATE_MS_MAX,
  SHARED_SILENT_MS,
} from '../limits.ts';

/** In milliseconds. */
export type Patience = {
  /** Until the beginning of an answer is there. */
  readonly firstMs: number;
  /** Between two signs of any other part. */
  readonly silentMs: number;
  /** The same, once the registry has failed. */
  readonly afterFailureMs: number;
};

export const PATIENCE: Patience = {
  firstMs: SHARED_FIRST_MS,
  silentMs: SHARED_SILENT_MS,
  afterFailureMs: SHARED_AFTER_FAILURE_MS,
};

/** So many times as patient: a host with more work than processors is late itself. */
export function patienceOf(times: number): Patience {
  const { firstMs, silentMs, afterFailureMs } = PATIENCE;
  const scaled = (ms: number) => Math.min(ms * times, SHARED_LATE_MS_MAX);
  return { firstMs: scaled(firstMs), silentMs: scaled(silentMs), afterFailureMs };
}

export type HedgedReadInput<Value> = {
  /** Calls `onSign` whenever something has come. */
  readonly shared: (signal: AbortSignal, onSign: () => void) => Promise<Value>;
  readonly direct: (signal: AbortSignal) => Promise<Value>;
  /** What the source waits for is the registry. */
  readonly isAtRegistry: () => boolean;
  /** Somebody waits for the first byte: signs are not enough for him. */
  readonly isFirst: boolean;
  /** The registry is asked first, the source only when that fails. */
  readonly isResting: boolean;
  readonly patience: Patience;
};

export type HedgedResult<Value> = {
  readonly value: Value;
  readonly winner: 'shared' | 'direct';
  /** The source had given no sign for so long that the registry was asked. */
  readonly wasSilent: boolean;
};

type Try = 'none' | 'running' | 'failed';

export class HedgedRead<Value> {
  readonly #input: HedgedReadInput<Value>;
  readonly #outcome = Promise.withResolvers<HedgedResult<Value>>();
  readonly #sharedEnd = new AbortController();
  readonly #directEnd = new AbortController();
  #shared: Try = 'none';
  #direct: Try = 'none';
  #directError: unknown;
  /** When the source began, or came back from the registry. */
  #sinceMs = 0;
  #signAtMs = 0;
  #wasSilent = false;
  #isOver = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(input: HedgedReadInput<Value>) {
    this.#input = input;
  }

  /** Once. Rejects with the registry's error, or the reason of the signal: at once then. */
  async run(signal: AbortSignal): Promise<HedgedResult<Value>> {
    signal.throwIfAborted();
    const giveUp = () => this.#outcome.reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      if (this.#input.isResting) void this.#askDirect();
      else void this.#askShared();
      return await this.#outcome.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
      this.#isOver = true;
      clearTimeout(this.#timer);
      // Harmless for the one that has answered.
      this.#sharedEnd.abort(signal.reason);
      this.#directEnd.abort(signal.reason);
    }
  }

  async #askShared(): Promise<void> {
    this.#shared = 'running';
    this.#sinceMs = performance.now();
    this.#signAtMs = this.#sinceMs;
    const onSign = () => {
      this.#signAtMs = performance.now();
    };
    this.#watch();
    try {
      const value = await this.#input.shared(this.#sharedEnd.signal, onSign);
      this.#outcome.resolve({ value, winner: 'shared', wasSilent: this.#wasSilent });
    } catch {
      this.#shared = 'failed';
      clearTimeout(this.#timer);
      if (this.#sharedEnd.signal.aborted) return;
      if (this.#direct === 'none') void this.#askDirect();
      else if (this.#direct === 'failed') this.#outcome.reject(this.#directError);
    }
  }

  async #askDirect(): Promise<void> {
    this.#direct = 'running';
    try {
      const value = await this.#input.direct(this.#directEnd.signal);
      this.#outcome.resolve({ value, winner: 'direct', wasSilent: this.#wasSilent });
    } catch (error) {
      this.#direct = 'failed';
      this.#directError = error;
      if (this.#directEnd.signal.aborted) return;
      if (this.#shared === 'failed') this.#outcome.reject(error);
      else if (this.#shared === 'none') void this.#askShared();
      else {
        // It may have what the registry does not give now.
        this.#signAtMs = performance.now();
        this.#watch();
      }
    }
  }

  /** Comes back when the source may have been silent for too long. */
  #watch(): void {
    clearTimeout(this.#timer);
    const leftMs = Math.max(1, Math.ceil(this.#deadlineMs() - performance.now()));
    // What has come meanwhile is heard first: a busy process would take its sources for silent.
    this.#timer = setTimeout(() => setImmediate(() => this.#look()), leftMs);
  }

  #deadlineMs(): number {
    const { patience, isFirst } = this.#input;
    if (this.#direct === 'failed') return this.#signAtMs + patience.afterFailureMs;
    const silentAtMs = this.#signAtMs + patience.silentMs;
    return isFirst ? Math.min(this.#sinceMs + patience.firstMs, silentAtMs) : silentAtMs;
  }

  #look(): void {
    if (this.#isOver || this.#shared !== 'running' || this.#direct === 'running') return;
    const nowMs = performance.now();
    if (this.#direct === 'none' && this.#input.isAtRegistry()) {
      this.#sinceMs = nowMs;
      this.#signAtMs = nowMs;
    }
    if (nowMs < this.#deadlineMs()) this.#watch();
    else if (this.#direct === 'failed') this.#outcome.reject(this.#directError);
    else {
      this.#wasSilent = nowMs >= this.#signAtMs + this.#input.patience.silentMs;
      void this.#askDirect();
    }
  }
}
