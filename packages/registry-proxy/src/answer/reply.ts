/** Writes the answer to one request, once. */
import type { ServerResponse } from 'node:http';
import type { Refusal } from './refusal.ts';

/** Where the bytes of an answer came from. */
export type ByteOrigin = 'local' | 'peer' | 'origin';

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

  constructor(response: ServerResponse, isHead: boolean) {
    this.#response = response;
    this.#isHead = isHead;
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
    if (!this.#isHead) this.bytesSent += body.byteLength;
    this.#response.end(this.#isHead ? undefined : body);
  }

  refuse({ status, headers, body }: Refusal): void {
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
  async write(bytes: Buffer, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.bytesSent += bytes.byteLength;
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

  end(): void {
    this.#response.end();
  }

  /** Ends the connection: what was promised will not come. */
  cut(failure?: unknown): void {
    this.failure ??= failure;
    this.#response.destroy();
  }
}
