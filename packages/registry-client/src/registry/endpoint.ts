/**
 * One registry host: finds out whether it speaks HTTPS, authorizes requests, tries again what can
 * heal, follows redirects without taking the authorization to another host.
 */
import { errorCode } from '@shoal/errors';
import { AuthAttempt } from '../auth/auth-attempt.ts';
import { type AuthComponents, AuthSession } from '../auth/auth-session.ts';
import type { RequestAuthorization } from '../auth/authorization.ts';
import type { CredentialPlace } from '../auth/credential-source.ts';
import { RedirectError, TlsError } from '../errors.ts';
import { FOR_OTHERS } from '../hosts/for-others.ts';
import type { RegistryHost } from '../hosts/registry-host.ts';
import { bodyPieces, discardBody } from '../http/body-pieces.ts';
import type { Exchange } from '../http/exchange.ts';
import { describeErrorBody, requestFailure, statusFailure } from '../http/failure.ts';
import type { HttpAnswer, HttpRequest } from '../http/messages.ts';
import { isLoopbackHost } from '../http/proxy-environment.ts';
import { isRedirect, type RedirectRules, redirectTarget } from '../http/redirect.ts';
import { type RetryPolicy, withRetry } from '../http/retry.ts';
import { CHALLENGES_ANSWERED_MAX, ERROR_BODY_BYTES_MAX, REDIRECTS_MAX } from '../limits.ts';
import type { ClientOptions } from '../options.ts';
import { collectBounded } from '../verify.ts';

export type EndpointRequest = Omit<HttpRequest, 'url'> & {
  /** A path below the registry (`/v2/...`, may have a query) or a URL the registry gave. */
  readonly target: string | URL;
  /** `repository:NAME:pull` and the like. */
  readonly scopes: readonly string[];
  /** Statuses that are answers; everything else becomes an error. */
  readonly accept: readonly number[];
  /** What is asked for, in errors: `repo/name: manifest v1`. */
  readonly subject: string;
};

export type EndpointPlace = {
  /** As references have it; in messages a mirror goes by its own name. */
  readonly registry: string;
  /** What credentials are looked up for. */
  readonly place: CredentialPlace;
  readonly host: RegistryHost;
};

export type EndpointParts = AuthComponents & {
  /** @default credentials and tokens of the place, as its challenges ask for them */
  readonly authorization?: RequestAuthorization | undefined;
};

export type Document = { readonly answer: HttpAnswer; readonly body: Buffer };

const HUB_HOST = 'registry-1.docker.io';

export class Endpoint {
  readonly registry: string;
  readonly policy: RetryPolicy;
  readonly exchange: Exchange;
  readonly redirects: RedirectRules;
  readonly #host: string;
  readonly #server: RegistryHost;
  /** The registry a mirror is asked for; undefined when the server is the registry itself. */
  readonly #namespace: string | undefined;
  readonly #auth: RequestAuthorization;
  #base: Promise<URL> | undefined;

  constructor(
    { registry, place, host }: EndpointPlace,
    parts: EndpointParts,
    options: ClientOptions,
  ) {
    this.#server = host;
    this.#host = registry === 'docker.io' ? HUB_HOST : registry;
    const isElsewhere = host.url !== undefined && host.url.host !== this.#host;
    this.#namespace = isElsewhere ? registry : undefined;
    this.registry = isElsewhere ? host.url.host : registry;
    this.policy = parts.policy;
    this.exchange = parts.exchange;
    this.redirects = {
      mayBePlain: options.plainHttp === true || host.url?.protocol === 'http:',
      isGuarded: options.trustedHosts !== undefined,
    };
    this.#auth = parts.authorization ?? new AuthSession(place, parts);
    for (const value of Object.values(host.headers)) this.#auth.secrets.add(value);
  }

  /** Tries until the answer has an accepted status. The body is the caller's to read. */
  call(request: EndpointRequest): Promise<HttpAnswer> {
    return withRetry(this.policy, request.signal, (attempt) => this.callOnce(request, attempt));
  }

  /** Like `call`, body discarded. */
  async callForHead(request: EndpointRequest): Promise<HttpAnswer> {
    const answer = await this.call(request);
    await discardBody(answer);
    return answer;
  }

  /** Like `call`, with the whole body, at most `bytesMax` bytes; follows redirects. */
  callForDocument(request: EndpointRequest, bytesMax: number): Promise<Document> {
    const accept = [...request.accept, 301, 302, 303, 307, 308];
    return withRetry(this.policy, request.signal, async (attempt) => {
      const first = await this.callOnce({ ...request, accept }, attempt);
      const answer = await this.#followed(first, request, attempt);
      const where = `${this.registry}/${request.subject}`;
      try {
        return { answer, body: await collectBounded(bodyPieces(answer), bytesMax, where) };
      } catch (error) {
        throw requestFailure(error, where, request.signal);
      }
    });
  }

  async #followed(
    first: HttpAnswer,
    request: EndpointRequest,
    attempt: number,
  ): Promise<HttpAnswer> {
    if (!isRedirect(first.status)) return first;
    const url = redirectTarget(first, this.redirects);
    await discardBody(first);
    const answer = await this.follow(url, request, attempt);
    if (request.accept.includes(answer.status)) return answer;
    throw await this.failureOf(answer, request.subject);
  }

  /** A URL that a redirect led to; the authorization only goes back to the registry itself. */
  async follow(
    start: URL,
    request: Pick<EndpointRequest, 'method' | 'headers' | 'signal' | 'scopes' | 'turn'>,
    attempt: number,
  ): Promise<HttpAnswer> {
    const base = await this.#baseUrl(request.signal);
    let url = start;
    let from = base;
    for (let hop = 0; hop < REDIRECTS_MAX; hop++) {
      const answer = await this.#authorized(request, url, base, attempt, from);
      if (!isRedirect(answer.status)) return answer;
      from = answer.url;
      url = redirectTarget(answer, this.redirects);
      await discardBody(answer);
    }
    throw new RedirectError(`${this.registry}: more than ${REDIRECTS_MAX} redirects in a row`, {
      remedy: 'ask whoever runs the registry',
    });
  }

  /** One try, authorization included: whatever the server says is the answer. */
  async ask(
    request: Omit<EndpointRequest, 'accept' | 'subject'>,
    attempt: number,
  ): Promise<HttpAnswer> {
    const base = await this.#baseUrl(request.signal);
    return this.#authorized(request, this.#urlOf(request.target, base), base, attempt);
  }

  /** The same, for answers of an accepted status; any other is an error. */
  async callOnce(request: EndpointRequest, attempt: number): Promise<HttpAnswer> {
    const answer = await this.ask(request, attempt);
    if (request.accept.includes(answer.status)) return answer;
    throw await this.failureOf(answer, request.subject);
  }

  async #authorized(
    request: Omit<HttpRequest, 'url'> & Pick<EndpointRequest, 'scopes'>,
    url: URL,
    base: URL,
    attempt: number,
    from = base,
  ): Promise<HttpAnswer> {
    const { scopes, signal } = request;
    if (url.origin !== base.origin) {
      const headers = { ...request.headers, ...FOR_OTHERS };
      const mayBeLocal = this.exchange.isLocal(from);
      return this.exchange.send({ ...request, url, headers, mayBeLocal }, attempt);
    }
    const auth = new AuthAttempt(scopes, base, signal);
    let authorization = await this.#auth.header(auth);
    for (let round = 0; ; round++) {
      const headers = {
        ...this.#server.headers,
        ...request.headers,
        ...(authorization ? { authorization } : {}),
      };
      const answer = await this.exchange.send({ ...request, url, headers }, attempt);
      if (round === CHALLENGES_ANSWERED_MAX) return answer;
      const next = await this.#nextAuthorization(answer, authorization, auth);
      if (next === undefined) return answer;
      authorization = next;
    }
  }

  /** What to try after a refusal; undefined: the answer stands. */
  async #nextAuthorization(
    answer: HttpAnswer,
    sent: string | undefined,
    auth: AuthAttempt,
  ): Promise<string | undefined> {
    if (!this.#auth.answersChallenges) return undefined;
    if (answer.status === 403 && sent !== undefined) {
      const other = await this.#auth.instead(sent, auth);
      if (other !== undefined) await discardBody(answer);
      return other;
    }
    if (answer.status !== 401) return undefined;
    const challenge = answer.headers.get('www-authenticate');
    await discardBody(answer);
    return this.#auth.answer(challenge, sent, auth);
  }

  async failureOf(answer: HttpAnswer, subject: string): Promise<unknown> {
    const where = `${this.registry}/${subject}`;
    let detail = '';
    try {
      const body = await collectBounded(bodyPieces(answer), ERROR_BODY_BYTES_MAX, where);
      detail = describeErrorBody(body, (text) => this.#auth.secrets.withhold(text));
    } catch {
      await discardBody(answer);
    }
    return statusFailure({ where, status: answer.status, headers: answer.headers, detail });
  }

  /** A registry behind a TLS proxy may name itself with http: its own scheme is kept. */
  #urlOf(target: string | URL, base: URL): URL {
    const url = new URL(typeof target === 'string' ? this.#pathOf(target) : target, base);
    if (this.#namespace !== undefined && typeof target === 'string') {
      url.searchParams.set('ns', this.#namespace);
    }
    if (url.host === base.host && url.protocol !== base.protocol) url.protocol = base.protocol;
    return url;
  }

  /** The API of a server may lie below another path than `/v2`. */
  #pathOf(target: string): string {
    const { url } = this.#server;
    if (url === undefined) return target;
    return `${url.pathname.replace(/\/$/, '')}${target.slice('/v2'.length)}`;
  }

  #baseUrl(signal: AbortSignal | undefined): Promise<URL> {
    if (this.#base !== undefined) return this.#base;
    const base = this.#findBase(signal);
    this.#base = base;
    base.catch(() => {
      if (this.#base === base) this.#base = undefined;
    });
    return base;
  }

  /** HTTPS; plain HTTP when asked to, or when a loopback registry does not speak TLS. */
  async #findBase(signal: AbortSignal | undefined): Promise<URL> {
    if (this.#server.url !== undefined) return new URL(this.#server.url.origin);
    if (this.redirects.mayBePlain) return new URL(`http://${this.#host}`);
    const secure = new URL(`https://${this.#host}`);
    if (!isLoopbackHost(secure.hostname)) return secure;
    try {
      const url = new URL('/v2/', secure);
      await discardBody(await this.exchange.send({ method: 'GET', url, signal }, 1));
      return secure;
    } catch (error) {
      if (speaksPlainHttp(error)) return new URL(`http://${this.#host}`);
      throw error;
    }
  }
}

/** A certificate that is not trusted is no reason to give up encryption. */
function speaksPlainHttp(error: unknown): boolean {
  if (!(error instanceof TlsError)) return false;
  const code = errorCode(error.cause) ?? '';
  return (
    code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code.includes('PACKET_LENGTH')
  );
}
