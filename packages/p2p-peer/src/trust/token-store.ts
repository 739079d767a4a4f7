/**
 * The token of this host: asked of the trackers, renewed at half of its life, kept for as long as it
 * is valid when no tracker answers. However many want one at once, one request is under way.
 */
import { orAbort } from '@shoal/concurrency';
import { TIMER_MS_MAX, TOKEN_RETRY_MS_MAX, TOKEN_RETRY_MS_MIN } from './limits.ts';

/** `token` is a secret. */
export type FetchedToken = { readonly token: string; readonly expiresAtMs: number };

export type TokenStoreOptions = {
  /** Asks the trackers; rejects or gives undefined when none has one. */
  readonly fetchToken: (signal: AbortSignal) => Promise<FetchedToken | undefined>;
  readonly nowMs?: () => number;
  /** From 0 to 1. */
  readonly random?: () => number;
  /** Calls later, unless what it returns is called before. */
  readonly later?: (callback: () => void, delayMs: number) => () => void;
};

/** Hosts that started together do not renew together. */
const JITTER = 0.2;

export class TokenStore implements AsyncDisposable {
  readonly #fetchToken: TokenStoreOptions['fetchToken'];
  readonly #nowMs: () => number;
  readonly #random: () => number;
  readonly #later: (callback: () => void, delayMs: number) => () => void;
  readonly #closing = new AbortController();
  #held: FetchedToken | undefined;
  #fetching: Promise<void> | undefined;
  #failures = 0;
  #cancelTimer: () => void = () => undefined;

  constructor(options: TokenStoreOptions) {
    this.#fetchToken = options.fetchToken;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#later = options.later ?? laterByTimer;
  }

  /** The token that is valid now; undefined when there is none. Starts to ask when nobody has. */
  get current(): string | undefined {
    const held = this.#held;
    if (held !== undefined && held.expiresAtMs > this.#nowMs()) return held.token;
    if (this.#failures === 0) void this.#renew();
    return undefined;
  }

  /** The same, after asking the trackers once when there is none. Rejects only by the signal. */
  async get(signal?: AbortSignal): Promise<string | undefined> {
    const token = this.current;
    if (token !== undefined) return token;
    await orAbort(this.#renew(), signal);
    return this.current;
  }

  /** One request for all who wait. Never rejects. */
  #renew(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const askedAtMs = this.#nowMs();
    const fetched = await this.#ask();
    if (this.#closing.signal.aborted) return;
    const lifeMs = (fetched?.expiresAtMs ?? 0) - askedAtMs;
    if (fetched === undefined || lifeMs <= 0) {
      this.#failures += 1;
      const delayMs = Math.min(
        TOKEN_RETRY_MS_MAX,
        TOKEN_RETRY_MS_MIN * 2 ** Math.min(this.#failures - 1, 10),
      );
      this.#renewLater(delayMs * (0.5 + this.#random()));
      return;
    }
    this.#held = fetched;
    this.#failures = 0;
    this.#renewLater((lifeMs / 2) * (1 - JITTER * this.#random()));
  }

  async #ask(): Promise<FetchedToken | undefined> {
    try {
      return await this.#fetchToken(this.#closing.signal);
    } catch {
      // Whoever asks the trackers has reported it; here it only means that there is none.
      return undefined;
    }
  }

  #renewLater(delayMs: number): void {
    this.#cancelTimer();
    const boundedMs = Math.min(Math.max(delayMs, TOKEN_RETRY_MS_MIN / 2), TIMER_MS_MAX);
    this.#cancelTimer = this.#later(() => void this.#renew(), boundedMs);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelTimer();
    await this.#fetching;
    this.#held = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function laterByTimer(callback: () => void, delayMs: number): () => void {
  const timer = setTimeout(callback, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
}
