/**
 * One HTTP request and the head of its answer. No retries, no redirects, no credentials: those are
 * layers above.
 */
import { errorCode } from '@shoal/errors';
import { BODY_TIMEOUT_MS, HEADERS_TIMEOUT_MS, RATE_WINDOW_MS } from '../limits.ts';
import { allTurns } from './all-turns.ts';
import type { Connections } from './connections.ts';
import { requestFailure } from './failure.ts';
import type { HttpOptions, RequestEvent } from './http-options.ts';
import type { HttpAnswer, HttpHeaders, HttpRequest } from './messages.ts';

const USER_AGENT = 'shoal/0.1';

export class Exchange {
  readonly #connections: Connections;
  readonly #options: HttpOptions;

  constructor(connections: Connections, options: HttpOptions) {
    this.#connections = connections;
    this.#options = options;
  }

  /** Throws coded errors only, or the reason of an abort. `attempt` is for the wire log. */
  async send(request: HttpRequest, attempt: number): Promise<HttpAnswer> {
    const { turn, url, signal } = request;
    if (turn === undefined) return await this.#send(request, attempt);
    const leave = await allTurns.enter(url.origin, turn, signal);
    let answer: HttpAnswer | undefined;
    try {
      answer = await this.#send(request, attempt);
      return answer;
    } finally {
      leave(answer);
    }
  }

  /** Whether a server is on this machine, as far as it has been connected to. */
  isLocal(url: URL): boolean {
    return this.#connections.isLocal(url);
  }

  async #send(request: HttpRequest, attempt: number): Promise<HttpAnswer> {
    const started = performance.now();
    try {
      const answer = await this.#dispatch(request);
      this.#report(request, attempt, started, answer.status, undefined);
      return answer;
    } catch (error) {
      const failure = requestFailure(error, originOf(request.url), request.signal);
      this.#report(request, attempt, started, undefined, errorCode(failure) ?? 'ABORTED');
      throw failure;
    }
  }

  async #dispatch(request: HttpRequest): Promise<HttpAnswer> {
    const { timeouts } = this.#options;
    const dispatcher = await this.#connections.for(request.url, request.mayBeLocal);
    request.signal?.throwIfAborted();
    const { statusCode, headers, body } = await dispatcher.request({
      origin: request.url.origin,
      path: `${request.url.pathname}${request.url.search}`,
      method: request.method,
      headers: { 'user-agent': USER_AGENT, ...request.headers },
      body: request.body ?? null,
      signal: request.signal ?? null,
      headersTimeout: request.headersTimeoutMs ?? timeouts?.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
      bodyTimeout: timeouts?.bodyTimeoutMs ?? BODY_TIMEOUT_MS,
    });
    const hasBody = request.method !== 'HEAD';
    return {
      status: statusCode,
      headers: toMap(headers),
      body,
      url: request.url,
      hasBody,
      rateWindowMs: timeouts?.rateWindowMs ?? RATE_WINDOW_MS,
    };
  }

  #report(
    request: HttpRequest,
    attempt: number,
    started: number,
    status: number | undefined,
    code: string | undefined,
  ): void {
    const event: RequestEvent = {
      method: request.method,
      url: `${request.url.origin}${request.url.pathname}`,
      status,
      errorCode: code,
      range: request.headers?.['range'],
      attempt,
      durationMs: performance.now() - started,
    };
    this.#options.onRequest?.(event);
  }
}

function toMap(headers: Record<string, string | string[] | undefined>): HttpHeaders {
  const map = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined)
      map.set(name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value);
  }
  return map;
}

/** `https://host:port` for messages: no path, no query, no credentials. */
export function originOf(url: URL): string {
  return url.origin;
}
