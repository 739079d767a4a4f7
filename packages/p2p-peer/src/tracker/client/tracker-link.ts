/**
 * One tracker as a host sees it: connections by certificate, a deadline for every request, and less
 * and less trying while it is away.
 */
import { errorCode } from '@shoal/errors';
import { readBounded } from '@shoal/oci/bounded-body';
import { Agent, type Dispatcher } from 'undici';
import { identityOf } from '../../trust/certificate-identity.ts';
import type { IdentityFiles } from '../../trust/identity-files.ts';
import { TrackerAnswerError, TrackerAwayError, TrackerOptionsError } from '../errors.ts';
import {
  TRACKER_ANSWER_BYTES_MAX,
  TRACKER_LINK_CONNECTIONS_MAX,
  TRACKER_LINK_KEEP_ALIVE_MS,
  TRACKER_RETRY_MS_MAX,
  TRACKER_RETRY_MS_MIN,
} from '../limits.ts';

export type LinkRequest = {
  readonly method: 'GET' | 'POST';
  /** With its query. */
  readonly path: string;
  readonly body?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly timeoutMs: number;
};

export type LinkAnswer = {
  readonly status: number;
  readonly etag: string | undefined;
  readonly body: Buffer;
};

export type TrackerLinkOptions = {
  /** `https://host:port`. */
  readonly url: string;
  readonly identity: IdentityFiles;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** Hears that it is away, once, and of answers that are none. */
  readonly onProblem: (error: unknown) => void;
};

export class TrackerLink {
  readonly url: string;
  readonly #identity: IdentityFiles;
  readonly #nowMs: () => number;
  readonly #random: () => number;
  readonly #onProblem: (error: unknown) => void;
  readonly #unsubscribe: () => void;
  readonly #closing = new AbortController();
  #agent: Agent;
  #failures = 0;
  #awayUntilMs = 0;

  /** Throws `ERR_P2P_TRACKER_OPTIONS`. */
  constructor({ url, identity, nowMs, random, onProblem }: TrackerLinkOptions) {
    this.url = originOf(url);
    this.#identity = identity;
    this.#nowMs = nowMs;
    this.#random = random;
    this.#onProblem = onProblem;
    this.#agent = this.#newAgent();
    this.#unsubscribe = identity.onChange(() => {
      const before = this.#agent;
      this.#agent = this.#newAgent();
      void before.close().catch(() => undefined);
    });
  }

  get isAway(): boolean {
    return this.#nowMs() < this.#awayUntilMs;
  }

  /**
   * Undefined when the tracker does not answer in time, answers nonsense to `read`, or did not a moment
   * ago. Never rejects.
   */
  async ask<Value>(
    request: LinkRequest,
    read: (answer: LinkAnswer) => Value,
  ): Promise<Value | undefined> {
    if (this.isAway || this.#closing.signal.aborted) return undefined;
    try {
      const value = read(await this.#send(request));
      this.#failures = 0;
      return value;
    } catch (error) {
      if (!this.#closing.signal.aborted) this.#failed(error);
      return undefined;
    }
  }

  #failed(error: unknown): void {
    // It answers, but not this: no reason to leave it alone.
    if (error instanceof TrackerAnswerError) {
      this.#onProblem(error);
      return;
    }
    this.#failures += 1;
    const delayMs = Math.min(
      TRACKER_RETRY_MS_MAX,
      TRACKER_RETRY_MS_MIN * 2 ** Math.min(this.#failures - 1, 10),
    );
    this.#awayUntilMs = this.#nowMs() + delayMs * (0.5 + this.#random());
    if (this.#failures > 1) return;
    this.#onProblem(new TrackerAwayError(this.url, detailOf(error), { cause: error }));
  }

  async #send({ method, path, body, headers, timeoutMs }: LinkRequest): Promise<LinkAnswer> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]);
    const response = await this.#agent.request({
      origin: this.url,
      method,
      path,
      body: body ?? null,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      signal,
    });
    const { statusCode, headers: answered } = response;
    const etag = typeof answered['etag'] === 'string' ? answered['etag'] : undefined;
    const bytes = await readAll(response.body, this.url);
    if (statusCode >= 500 || statusCode === 429) {
      throw new TrackerAwayError(this.url, `it answers ${statusCode}`);
    }
    return { status: statusCode, etag, body: bytes };
  }

  #newAgent(): Agent {
    const { ca, cert, key } = this.#identity.current;
    return new Agent({
      connections: TRACKER_LINK_CONNECTIONS_MAX,
      pipelining: 1,
      keepAliveTimeout: TRACKER_LINK_KEEP_ALIVE_MS,
      connect: {
        ...{ ca, cert, key, minVersion: 'TLSv1.3', checkServerIdentity: refuseOthers },
        // Also where the process was told to trust any registry (NODE_TLS_REJECT_UNAUTHORIZED).
        rejectUnauthorized: true,
      },
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#unsubscribe();
    await this.#agent.destroy();
  }
}

/** What TLS says of a certificate of another authority. */
const OTHER_AUTHORITY: readonly (string | undefined)[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

function detailOf(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  const isOther = OTHER_AUTHORITY.includes(errorCode(error));
  return isOther
    ? `its certificate is of another authority than ca.crt here (${error.message})`
    : error.message;
}

/** Its role counts, not the name we call it by: trackers are behind names that change. */
function refuseOthers(_: string, certificate: Parameters<typeof identityOf>[0]): Error | undefined {
  if (identityOf(certificate)?.role === 'tracker') return undefined;
  return new Error('its certificate is not that of a tracker');
}

function originOf(text: string): string {
  const url = URL.parse(text);
  const isOrigin = url !== null && url.protocol === 'https:' && url.pathname === '/';
  if (!isOrigin || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new TrackerOptionsError('a tracker is given as https://host:port');
  }
  return url.origin;
}

function readAll(body: Dispatcher.ResponseData['body'], url: string): Promise<Buffer> {
  const tooMuch = () => new TrackerAnswerError(url, 'answers too much');
  return readBounded(body, TRACKER_ANSWER_BYTES_MAX, tooMuch);
}

/** What a tracker answers in place of what was asked for. */
export function checkStatus(url: string, { status, body }: LinkAnswer): void {
  if (status >= 200 && status < 300) return;
  const text = /^\{"error":"([\x20-\x21\x23-\x5b\x5d-\x7e]{0,200})"\}$/.exec(
    body.toString('latin1', 0, 300),
  );
  throw new TrackerAnswerError(url, `answers ${status}: ${text?.[1] ?? 'something else'}`);
}
