/**
 * Authorization for one registry: learns from its first challenge how it wants to be asked, and answers
 * for each request what to send. Credentials that are refused make place for those of the next source.
 */
import { DeniedError, UnauthorizedError } from '../errors.ts';
import type { Exchange } from '../http/exchange.ts';
import type { RetryPolicy } from '../http/retry.ts';
import { CREDENTIALS_REFUSED_MAX } from '../limits.ts';
import type { AuthAttempt } from './auth-attempt.ts';
import type { AuthenticationObserver } from './authentication-event.ts';
import type { RequestAuthorization } from './authorization.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { CredentialChain, CredentialLookup } from './credential-chain.ts';
import type { CredentialPlace, Credentials } from './credential-source.ts';
import { type Granted, GrantedTokens } from './granted-tokens.ts';
import { type Clock, RecentLookups } from './recent-lookups.ts';
import type { RefusedCredentials } from './refused-credentials.ts';
import { SentSecrets } from './sent-secrets.ts';
import { basicHeader, fetchToken, type Token } from './token-service.ts';

export type AuthComponents = {
  readonly exchange: Exchange;
  readonly credentials: Pick<CredentialChain, 'lookup'>;
  readonly policy: RetryPolicy;
  readonly onAuthentication?: AuthenticationObserver | undefined;
  /** Says how old a look-up is. @default `performance.now()` */
  readonly clock?: Clock | undefined;
};

export class AuthSession implements RequestAuthorization {
  readonly answersChallenges = true;
  readonly secrets = new SentSecrets();
  readonly #place: CredentialPlace;
  readonly #parts: AuthComponents;
  readonly #tokens = new GrantedTokens({
    onGranted: ({ value }) => {
      this.secrets.add(value);
      this.#tell(undefined);
    },
    onFailed: (error) => this.#tell(error),
  });
  #challenge: Challenge | undefined;
  readonly #lookups: RecentLookups;
  /** The `Authorization` of a registry that wants a password or a fixed token. */
  #fixedHeader: string | undefined;

  /** Credentials are stored under the place: the host part of a reference, and its repository. */
  constructor(place: CredentialPlace, parts: AuthComponents) {
    this.#place = place;
    this.#parts = parts;
    this.#lookups = new RecentLookups((refused) => this.#lookUp(refused), parts.clock);
  }

  /** What is known to be wanted; undefined before the first challenge. */
  async header(attempt: AuthAttempt): Promise<string | undefined> {
    if (this.#fixedHeader !== undefined) return this.#fixedHeader;
    if (this.#challenge === undefined) return undefined;
    return this.#bearer(this.#challenge, attempt);
  }

  /**
   * Answers a 401. `sent` is the header that was refused, if any. Throws `UnauthorizedError` when
   * there is nothing better to send.
   */
  async answer(
    wwwAuthenticate: string | undefined,
    sent: string | undefined,
    attempt: AuthAttempt,
  ): Promise<string> {
    const isAnswerRefused = attempt.challenged(sent);
    const challenges = parseChallenges(wwwAuthenticate ?? '');
    const bearer = challenges.find(
      ({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'),
    );
    const wantsBasic = challenges.some(({ scheme }) => scheme === 'basic');
    const passedOver: Credentials[] = [];
    const first = await this.#lookups.beside([]);
    for (let lookup = first; ; lookup = await this.#lookups.beside(passedOver)) {
      const { credentials } = lookup;
      if (bearer !== undefined && credentials?.kind !== 'registry-token') {
        return this.#answerBearer(bearer, isAnswerRefused, attempt);
      }
      if (credentials === undefined || passedOver.length === CREDENTIALS_REFUSED_MAX) {
        const refusal = this.#refusal(attempt.url, first);
        this.#tell(refusal);
        throw refusal;
      }
      const header = fixedHeader(credentials, wantsBasic);
      if (header !== undefined && !attempt.refusedHeaders.includes(header)) {
        this.#fixedHeader = header;
        this.#tell(undefined);
        return header;
      }
      passedOver.push(credentials);
    }
  }

  /** A token that was kept may have been revoked; credentials whose new token is refused do not do. */
  async #answerBearer(
    bearer: Challenge,
    isAnswerRefused: boolean,
    attempt: AuthAttempt,
  ): Promise<string> {
    this.#challenge = bearer;
    this.#fixedHeader = undefined;
    const granted = this.#tokens.find(attempt.key);
    if (granted !== undefined && `Bearer ${granted.value}` === attempt.refusedHeaders.at(-1)) {
      this.#tokens.drop(attempt.key);
      if (isAnswerRefused) attempt.refused.add(granted.lookup);
    }
    const header = await this.#bearer(bearer, attempt);
    if (!attempt.refusedHeaders.includes(header)) return header;
    throw this.#refusal(
      attempt.url,
      granted?.lookup ?? { credentials: undefined, failure: undefined },
    );
  }

  /**
   * What else can be sent after a 403: some registries (Amazon's) say so of credentials that have
   * ended, and other credentials may do what these may not. Undefined: nothing.
   */
  async instead(sent: string, attempt: AuthAttempt): Promise<string | undefined> {
    attempt.challenged(sent);
    try {
      return sent === this.#fixedHeader
        ? await this.#otherFixedHeader(attempt)
        : await this.#otherBearer(sent, attempt);
    } catch (error) {
      if (error instanceof UnauthorizedError || error instanceof DeniedError) return undefined;
      throw error;
    }
  }

  async #otherFixedHeader(attempt: AuthAttempt): Promise<string | undefined> {
    const passedOver: Credentials[] = [];
    for (;;) {
      const { credentials } = await this.#lookups.beside(passedOver);
      if (credentials === undefined || passedOver.length === CREDENTIALS_REFUSED_MAX) {
        return undefined;
      }
      const header = fixedHeader(credentials, true);
      if (header !== undefined && !attempt.refusedHeaders.includes(header)) {
        this.#fixedHeader = header;
        return header;
      }
      passedOver.push(credentials);
    }
  }

  async #otherBearer(sent: string, attempt: AuthAttempt): Promise<string | undefined> {
    const granted = this.#tokens.find(attempt.key);
    if (granted === undefined || this.#challenge === undefined) return undefined;
    if (`Bearer ${granted.value}` !== sent) return undefined;
    attempt.refused.add(granted.lookup);
    const { credentials } = await this.#lookups.beside(attempt.refused.list);
    if (credentials === undefined) return undefined;
    this.#tokens.drop(attempt.key);
    return this.#bearer(this.#challenge, attempt);
  }

  /** The error for a registry that refuses whatever there is. */
  #refusal(url: URL, lookup: CredentialLookup): UnauthorizedError {
    const { credentials, failure } = lookup;
    const { registry } = this.#place;
    const has =
      credentials !== undefined
        ? `the stored credentials for ${registry} are refused`
        : failure instanceof Error
          ? `credentials are wanted, and ${failure.message}`
          : `credentials are wanted and none are stored for ${registry}`;
    return new UnauthorizedError(`${url.origin}: ${has}`, {
      cause: failure,
      remedy: `log in with: docker login ${registry}`,
    });
  }

  async #lookUp(refused: readonly Credentials[]): Promise<CredentialLookup> {
    const found = await this.#parts.credentials.lookup(this.#place, refused);
    this.secrets.addCredentials(found.credentials);
    return found;
  }

  async #bearer(challenge: Challenge, attempt: AuthAttempt): Promise<string> {
    const fetch = () => this.#fetch(challenge, attempt);
    const { value } = await this.#tokens.take(attempt.key, fetch, attempt.signal);
    return `Bearer ${value}`;
  }

  #tell(error: unknown): void {
    const { registry } = this.#place;
    if (error === undefined) {
      this.#parts.onAuthentication?.({ registry, outcome: 'granted' });
      return;
    }
    const isRefused = error instanceof UnauthorizedError || error instanceof DeniedError;
    const reason = error instanceof Error ? error.message : String(error);
    this.#parts.onAuthentication?.({
      registry,
      outcome: isRefused ? 'refused' : 'failed',
      reason: this.secrets.withhold(reason),
    });
  }

  /** Tries one source after the other; the error is that of the first. */
  async #fetch(challenge: Challenge, attempt: AuthAttempt): Promise<Granted> {
    const refused = attempt.refused.copy();
    let failure: unknown;
    for (;;) {
      const lookup = await this.#lookups.beside(refused.list);
      const isLast = lookup.credentials === undefined;
      if (isLast && refused.isBinding) throw failure ?? this.#refusalAfter(refused, attempt.url);
      try {
        return { ...(await this.#fetchWith(challenge, attempt, lookup)), lookup };
      } catch (error) {
        const isRefused = error instanceof UnauthorizedError || error instanceof DeniedError;
        failure ??= error;
        if (!isRefused || isLast || refused.list.length >= CREDENTIALS_REFUSED_MAX) throw failure;
        refused.add(lookup);
      }
    }
  }

  #refusalAfter({ list }: RefusedCredentials, url: URL): UnauthorizedError {
    return this.#refusal(url, { credentials: list[0], failure: undefined });
  }

  #fetchWith(
    challenge: Challenge,
    { scopes, url }: AuthAttempt,
    { credentials }: CredentialLookup,
  ): Promise<Token> {
    const asked = challenge.parameters.get('scope');
    return fetchToken(
      this.#parts.exchange,
      this.#parts.policy,
      {
        realm: challenge.parameters.get('realm') ?? '',
        service: challenge.parameters.get('service'),
        scopes: scopes.length === 0 && asked ? [asked] : scopes,
        credentials,
        registryUrl: url,
        secrets: this.secrets,
      },
      undefined,
    );
  }
}

/** Undefined for credentials that a registry without a token service cannot be given. */
function fixedHeader(credentials: Credentials, wantsBasic: boolean): string | undefined {
  if (credentials.kind === 'registry-token') return `Bearer ${credentials.token}`;
  if (credentials.kind !== 'password' || !wantsBasic) return undefined;
  return basicHeader(credentials);
}
