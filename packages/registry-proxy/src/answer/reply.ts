/** Writes the answer to one request, once. */
import type { ServerResponse } from 'node:http';
import type { Refusal } from './refusal.ts';

/** Where the bytes of an answer came from. */
export type ByteOrigin = 'local' | 'peer' | 'origin';

export type BytesBy = Readonly<Record<ByteOrigin, number>>;

export type ReplyHead = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
};

const API_VERSION = { 'docker-distribution-api-version': 'registry/2.0' };

export class Reply {
  readonly #response: ServerResponse;
  readonly #isHead: boolean;
  #upstream: string | undefined;
  /** For the log: bytes of bodies handed to the connection. */
  bytesSent = 0;
  /** For the log: why the answer is an error, or ended too soon. */
  failure: unknown;
  origin: ByteOrigin | undefined;
  /** It is what the upstream said last, which fails now. */
  isStale = false;
  readonly #bytesBy: Record<ByteOrigin, number> = { local: 0, peer: 0, origin: 0 };

  constructor(response: ServerResponse, isHead: boolean) {
    this.#response = response;
    this.#isHead = isHead;
  }

  /** What of `bytesSent` came from somewhere. */
  get bytesBy(): BytesBy {
    return this.#bytesBy;
  }

  get status(): number {
    return this.#response.statusCode;
  }

  get isStarted(): boolean {
    return this.#response.headersSent;
  }

  /** Every answer from now on names it. */
  setUpstream(name: string): void {
    this.#upstream = name;
  }

  /** The whole answer; the length of the body stands in its head. */
  send({ status, headers }: ReplyHead, origin: ByteOrigin | undefined, body: Buffer): void {
    const length = headers['content-length'] ?? `${body.byteLength}`;
    this.start({ status, headers: { ...headers, 'content-length': length } }, origin);
    if (!this.#isHead) this.#count(body.byteLength, origin);
    this.#response.end(this.#isHead ? undefined : body);
  }

  refuse({ status, headers, body, failure }: Refusal): void {
    this.failure ??= failure;
    this.send({ status, headers }, undefined, body);
  }

  start({ status, headers }: ReplyHead, origin: ByteOrigin | undefined): void {
    this.origin = origin;
    this.#response.writeHead(status, {
      ...API_VERSION,
      ...headers,
      ...(origin === undefined ? {} : { 'x-shoal-source': origin }),
      ...(this.#upstream === undefined ? {} : { 'x-shoal-upstream': this.#upstream }),
    });
  }

  /** Resolves when more may be written; rejects when the client is gone. */
  async write(bytes: Buffer, origin: ByteOrigin, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#count(bytes.byteLength, origin);
    if (this.#response.write(bytes)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = () => reject(signal.reason);
    this.#response.once('drain', resolve);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#response.off('drain', resolve);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #count(bytes: number, origin: ByteOrigin | undefined): void {
    this.bytesSent += bytes;
    if (origin !== undefined) this.#bytesBy[origin] += bytes;
  }

  end(): void {
    this.#response.end();
  }

  /** Ends the connection: what was promised will not come. */
  cut(failure?: unknown): void {
    this.failure ??= failure;
    this.#response.destroy();
  }
}
