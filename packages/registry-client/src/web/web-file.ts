/**
 * A file at a URL: looked at once, then read by ranges or to its end, as long as the server says that it
 * is the same. With `trustedHosts` in the options it and its redirects lead to those, else to public
 * addresses only.
 */
import { DeniedError, NotFoundError, RedirectError, WebFileChangedError } from '../errors.ts';
import { FOR_OTHERS } from '../hosts/for-others.ts';
import { bodyPieces, cutBody, discardBody } from '../http/body-pieces.ts';
import { Connections } from '../http/connections.ts';
import { Exchange } from '../http/exchange.ts';
import { requestFailure, statusFailure } from '../http/failure.ts';
import type { HttpAnswer } from '../http/messages.ts';
import { isRedirect, redirectTarget } from '../http/redirect.ts';
import { resolveRetryOptions, withRetry } from '../http/retry.ts';
import type { CallOptions, RangeOptions } from '../image-store.ts';
import { REDIRECTS_MAX } from '../limits.ts';
import type { ClientOptions } from '../options.ts';
import { BlobReader, type BodyRequest } from '../registry/blob-reader.ts';
import { type WebFacts, webFactsOf } from './web-facts.ts';

type Subject = { readonly size: number };

export type WebReadOptions = CallOptions & {
  /** The reader compares the digest of the whole. @default false */
  readonly isVerified?: boolean;
};

/** The `host:port` of a URL, as `trustedHosts` has it. */
export function hostAndPort({ hostname, port, protocol }: URL): string {
  const standard = protocol === 'https:' ? '443' : '80';
  return `${hostname}:${port || standard}`;
}

export class WebFile {
  /** Without what follows `?`: that may be a secret. */
  readonly description: string;
  readonly #url: URL;
  readonly #options: ClientOptions;
  readonly #connections: Connections;
  readonly #exchange: Exchange;
  readonly #reader: BlobReader<Subject>;
  #facts: WebFacts | undefined;

  /** Looks at it: one request, of a byte. */
  static async open(url: URL, options: ClientOptions = {}): Promise<WebFile> {
    const file = new WebFile(url, options);
    try {
      await file.#look(options.signal);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(url: URL, options: ClientOptions) {
    this.#url = url;
    this.#options = options;
    this.description = `${url.origin}${url.pathname}`;
    this.#connections = new Connections(options);
    this.#exchange = new Exchange(this.#connections, options);
    const opener = { open: (request: BodyRequest<Subject>) => this.#open(request) };
    const policy = resolveRetryOptions(options.retry);
    this.#reader = new BlobReader(opener, policy, url.origin, () => url.pathname);
  }

  get size(): number | undefined {
    return this.#facts?.size;
  }

  get validator(): string | undefined {
    return this.#facts?.validator;
  }

  get hasRanges(): boolean {
    return this.#facts?.hasRanges === true;
  }

  /** Exactly these bytes. */
  read(offset: number, length: number, { signal, onBytes }: RangeOptions = {}): Promise<Buffer> {
    const { size = offset + length } = this;
    const span = { descriptor: { size }, offset, end: offset + length, isWhole: false };
    return this.#reader.collect({ ...span, signal }, { onBytes });
  }

  /** To the end; goes on where a transfer broke, unless that may be with another file. */
  readFrom(
    offset: number,
    { signal, isVerified = false }: WebReadOptions = {},
  ): AsyncIterable<Buffer> {
    const { size, validator } = this;
    const mayGoOn = isVerified || validator !== undefined || offset > 0;
    if (size === undefined || !mayGoOn) return this.#pieces(signal);
    const isWhole = offset === 0;
    return this.#reader.pieces({ descriptor: { size }, offset, end: size, isWhole, signal });
  }

  /** In one transfer, which fails as a whole. */
  async *#pieces(signal: AbortSignal | undefined): AsyncGenerator<Buffer, void> {
    const request = { descriptor: { size: 0 }, range: undefined, signal, attempt: 1 };
    try {
      yield* bodyPieces(await this.#open(request));
    } catch (error) {
      throw requestFailure(error, this.description, signal);
    }
  }

  async #look(signal: AbortSignal | undefined): Promise<void> {
    const policy = resolveRetryOptions(this.#options.retry);
    await withRetry(policy, signal, async (attempt) => {
      const answer = await this.#ask('bytes=0-0', signal, attempt);
      const isAnswer = answer.status === 200 || answer.status === 206 || answer.status === 416;
      if (!isAnswer) throw await this.#failure(answer);
      try {
        this.#facts = webFactsOf(answer, this.description);
      } finally {
        await discardBody(answer);
      }
    });
  }

  async #open({ range, signal, attempt }: BodyRequest<Subject>): Promise<HttpAnswer> {
    const answer = await this.#ask(range, signal, attempt);
    if (answer.status === 416) {
      await discardBody(answer);
      throw new WebFileChangedError(this.description);
    }
    if (answer.status !== 200 && answer.status !== 206) throw await this.#failure(answer);
    const now = webFactsOf(answer, this.description);
    const { size, validator } = this.#facts ?? now;
    const isSameSize = now.size === undefined || now.size === size;
    if (isSameSize && now.validator === validator) return answer;
    cutBody(answer);
    throw new WebFileChangedError(this.description);
  }

  /** What the server, or the one that it redirects to, answers. */
  async #ask(
    range: string | undefined,
    signal: AbortSignal | undefined,
    attempt: number,
  ): Promise<HttpAnswer> {
    const headers = {
      'accept-encoding': 'identity',
      ...(range === undefined ? {} : { range }),
    };
    const waitMsMax = resolveRetryOptions(this.#options.retry).retryAfterMaxMs;
    const turn = { rank: () => 0, attempt, waitMsMax };
    let url = this.#url;
    let mayBeLocal = true;
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
      const sent = redirects === 0 ? headers : { ...headers, ...FOR_OTHERS };
      const request = { method: 'GET', url, headers: sent, signal, turn, mayBeLocal } as const;
      const answer = await this.#exchange.send(request, attempt);
      if (!isRedirect(answer.status)) return answer;
      const mayBePlain = this.#options.plainHttp === true || this.#url.protocol === 'http:';
      const isGuarded = this.#options.trustedHosts !== undefined;
      url = redirectTarget(answer, { mayBePlain, isGuarded });
      mayBeLocal = this.#exchange.isLocal(answer.url);
      await discardBody(answer);
    }
    throw new RedirectError(`${this.#url.origin}: more than ${REDIRECTS_MAX} redirects in a row`, {
      remedy: 'ask whoever runs the server',
    });
  }

  async #failure(answer: HttpAnswer): Promise<unknown> {
    await discardBody(answer);
    const { status, headers } = answer;
    const where = this.description;
    if (status === 404 || status === 410) {
      return new NotFoundError(`${where}: not found`, { remedy: 'check the URL' });
    }
    if (status === 401 || status === 403) {
      return new DeniedError(`${where}: access is denied`, {
        remedy: 'no credentials are sent to a URL: use a signed one, or a registry',
      });
    }
    return statusFailure({ where, status, headers, detail: '' });
  }

  /** Ends what runs. Idempotent. */
  async close(): Promise<void> {
    await this.#connections.close();
  }
}
