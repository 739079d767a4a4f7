/**
 * The tokens of one registry, by key (its scopes): each is fetched once for however many requests wait
 * for it, kept until shortly before it ends, and not tied to the signal of the one who asked first.
 */
import { orAbort } from '@shoal/concurrency';
import { TOKEN_MARGIN_MS, TOKENS_MAX } from '../limits.ts';
import type { CredentialLookup } from './credential-chain.ts';
import type { Token } from './token-service.ts';

export type Granted = Token & { readonly lookup: CredentialLookup };

/** Told once for each fetch, before whoever waits for it. */
export type TokenObserver = {
  onGranted(granted: Granted): void;
  onFailed(error: unknown): void;
};

type Flight = { readonly token: Promise<Granted>; settled: Granted | undefined };

export class GrantedTokens {
  readonly #observer: TokenObserver;
  readonly #flights = new Map<string, Flight>();

  constructor(observer: TokenObserver) {
    this.#observer = observer;
  }

  /** What was granted; undefined while it is being fetched, too. */
  find(key: string): Granted | undefined {
    return this.#flights.get(key)?.settled;
  }

  drop(key: string): void {
    this.#flights.delete(key);
  }

  /** A token that holds for a while; `fetch` is called when there is none and nobody waits for one. */
  async take(
    key: string,
    fetch: () => Promise<Granted>,
    signal: AbortSignal | undefined,
  ): Promise<Granted> {
    const known = this.#flights.get(key);
    const isFresh =
      known?.settled === undefined ||
      known.settled.expiresAtMs > performance.now() + TOKEN_MARGIN_MS;
    const flight = known !== undefined && isFresh ? known : this.#start(key, fetch());
    return orAbort(flight.token, signal);
  }

  #start(key: string, token: Promise<Granted>): Flight {
    const flight: Flight = { token, settled: undefined };
    this.#flights.set(key, flight);
    if (this.#flights.size > TOKENS_MAX) {
      const [oldest] = this.#flights.keys();
      if (oldest !== undefined) this.#flights.delete(oldest);
    }
    token.then(
      (granted) => {
        flight.settled = granted;
        this.#observer.onGranted(granted);
      },
      (error: unknown) => {
        this.#observer.onFailed(error);
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      },
    );
    return flight;
  }
}
