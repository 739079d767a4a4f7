/**
 * Authorization for one registry: learns from its first challenge how it wants to be asked, keeps
 * tokens per scope, and renews each of them once for however many requests wait for it.
 */
import { UnauthorizedError } from '../errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RetryPolicy } from '../http/retry.ts';
import { CREDENTIALS_LIFETIME_MS, TOKEN_MARGIN_MS, TOKENS_MAX } from '../limits.ts';
import { orAbort } from '../or-abort.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { CredentialLookup, DockerCredentials } from './docker-config.ts';
import { SentSecrets } from './sent-secrets.ts';
import { basicHeader, fetchToken, type Token } from './token-service.ts';

export type AuthComponents = {
  readonly exchange: Exchange;
  readonly credentials: DockerCredentials;
  readonly policy: RetryPolicy;
};

type Flight = { readonly token: Promise<Token>; settled: Token | undefined };

export class AuthSession {
  readonly secrets = new SentSecrets();
  readonly #registry: string;
  readonly #parts: AuthComponents;
  readonly #tokens = new Map<string, Flight>();
  #challenge: Challenge | undefined;
  #lookup: Promise<CredentialLookup> | undefined;
  #lookupEndsAtMs = 0;
  /** The `Authorization` of a registry that wants a password or a fixed token. */
  #fixedHeader: string | undefined;

  /** `registry` is the host part of a reference: credentials are stored under it. */
  constructor(registry: string, parts: AuthComponents) {
    this.#registry = registry;
    this.#parts = parts;
  }

  /** What is known to be wanted; undefined before the first challenge. */
  async header(
    scopes: readonly string[],
    url: URL,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    if (this.#fixedHeader !== undefined) return this.#fixedHeader;
    if (this.#challenge === undefined) return undefined;
    return this.#bearer(this.#challenge, scopes, url, signal);
  }

  /**
   * Answers a 401. `used` is the header that was refused, if any. Throws `UnauthorizedError` when
   * there is nothing better to send.
   */
  async answer(
    wwwAuthenticate: string | undefined,
    scopes: readonly string[],
    url: URL,
    used: string | undefined,
    signal?: AbortSignal,
  ): Promise<string> {
    const challenges = parseChallenges(wwwAuthenticate ?? '');
    const lookup = await this.#credentials();
    if (lookup.credentials?.kind === 'registry-token') {
      this.#fixedHeader = `Bearer ${lookup.credentials.token}`;
      return this.#unlessUsed(this.#fixedHeader, used, url, lookup);
    }
    const bearer = challenges.find(
      ({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'),
    );
    if (bearer !== undefined) {
      this.#challenge = bearer;
      this.#forget(scopes, used);
      const header = await this.#bearer(bearer, scopes, url, signal);
      return this.#unlessUsed(header, used, url, lookup);
    }
    const wantsBasic = challenges.some(({ scheme }) => scheme === 'basic');
    if (!wantsBasic || lookup.credentials?.kind !== 'password') throw this.#refusal(url, lookup);
    this.#fixedHeader = basicHeader(lookup.credentials);
    return this.#unlessUsed(this.#fixedHeader, used, url, lookup);
  }

  #unlessUsed(
    header: string,
    used: string | undefined,
    url: URL,
    lookup: CredentialLookup,
  ): string {
    if (header === used) throw this.#refusal(url, lookup);
    return header;
  }

  /** The error for a registry that refuses whatever there is. */
  #refusal(url: URL, lookup: CredentialLookup): UnauthorizedError {
    const { credentials, failure } = lookup;
    const has =
      credentials !== undefined
        ? `the stored credentials for ${this.#registry} are refused`
        : failure instanceof Error
          ? `credentials are wanted, and ${failure.message}`
          : `credentials are wanted and none are stored for ${this.#registry}`;
    return new UnauthorizedError(`${url.origin}: ${has}`, {
      cause: failure,
      remedy: `log in with: docker login ${this.#registry}`,
    });
  }

  #credentials(): Promise<CredentialLookup> {
    const nowMs = performance.now();
    if (this.#lookup === undefined || nowMs >= this.#lookupEndsAtMs) {
      this.#lookup = this.#lookUp();
      this.#lookupEndsAtMs = nowMs + CREDENTIALS_LIFETIME_MS;
    }
    return this.#lookup;
  }

  async #lookUp(): Promise<CredentialLookup> {
    const found = await this.#parts.credentials.lookup(this.#registry);
    this.secrets.addCredentials(found.credentials);
    return found;
  }

  #forget(scopes: readonly string[], used: string | undefined): void {
    const key = scopes.join(' ');
    const settled = this.#tokens.get(key)?.settled;
    if (settled !== undefined && `Bearer ${settled.value}` === used) this.#tokens.delete(key);
  }

  async #bearer(
    challenge: Challenge,
    scopes: readonly string[],
    url: URL,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    const key = scopes.join(' ');
    const known = this.#tokens.get(key);
    const isFresh =
      known?.settled === undefined ||
      known.settled.expiresAtMs > performance.now() + TOKEN_MARGIN_MS;
    const flight = known !== undefined && isFresh ? known : this.#fly(key, challenge, scopes, url);
    const { value } = await orAbort(flight.token, signal);
    return `Bearer ${value}`;
  }

  /** One request for all who wait: it is not tied to the signal of the one who asked first. */
  #fly(key: string, challenge: Challenge, scopes: readonly string[], url: URL): Flight {
    const flight: Flight = { token: this.#fetch(challenge, scopes, url), settled: undefined };
    this.#tokens.set(key, flight);
    if (this.#tokens.size > TOKENS_MAX) {
      const [oldest] = this.#tokens.keys();
      if (oldest !== undefined) this.#tokens.delete(oldest);
    }
    flight.token.then(
      (token) => {
        flight.settled = token;
        this.secrets.add(token.value);
      },
      () => {
        if (this.#tokens.get(key) === flight) this.#tokens.delete(key);
      },
    );
    return flight;
  }

  async #fetch(challenge: Challenge, scopes: readonly string[], url: URL): Promise<Token> {
    const asked = challenge.parameters.get('scope');
    const wanted = scopes.length === 0 && asked ? [asked] : scopes;
    const { credentials } = await this.#credentials();
    return fetchToken(
      this.#parts.exchange,
      this.#parts.policy,
      {
        realm: challenge.parameters.get('realm') ?? '',
        service: challenge.parameters.get('service'),
        scopes: wanted,
        credentials,
        registryUrl: url,
        secrets: this.secrets,
      },
      undefined,
    );
  }
}
