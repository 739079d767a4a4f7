/**
 * One request to the embedded registry: what was asked, and ways to answer.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MANIFEST_BYTES_MAX } from '@shoal/oci';
import { collectBounded } from '../verify.ts';
import type { LinkRate } from './link-rate.ts';

export class RequestContext {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly #rate: LinkRate | undefined;
  bytesIn = 0;
  bytesOut = 0;

  constructor(request: IncomingMessage, response: ServerResponse, rate: LinkRate | undefined) {
    this.request = request;
    this.response = response;
    this.#rate = rate;
    this.url = new URL(request.url ?? '/', 'http://registry.invalid');
  }

  get method(): string {
    return this.request.method ?? 'GET';
  }

  /** Pieces of the request's body. */
  async *body(): AsyncGenerator<Buffer, void, void> {
    for await (const piece of this.request) {
      if (!Buffer.isBuffer(piece)) continue;
      this.bytesIn += piece.byteLength;
      yield piece;
    }
  }

  smallBody(): Promise<Buffer> {
    return collectBounded(this.body(), MANIFEST_BYTES_MAX, 'request body');
  }

  send(status: number, headers: Record<string, string>, body: Buffer = Buffer.alloc(0)): void {
    this.response.writeHead(status, { ...headers, 'content-length': `${body.byteLength}` });
    const isHead = this.method === 'HEAD';
    if (!isHead) this.bytesOut += body.byteLength;
    this.response.end(isHead ? undefined : body);
  }

  sendJson(status: number, headers: Record<string, string>, value: unknown): void {
    const body = Buffer.from(JSON.stringify(value));
    this.send(status, { 'content-type': 'application/json', ...headers }, body);
  }

  /** An error as the distribution specification writes it. */
  sendError(status: number, code: string, message: string): void {
    this.sendJson(status, {}, { errors: [{ code, message }] });
  }

  /** A body of known length; the connection is cut when it cannot be sent whole. */
  async stream(status: number, headers: Record<string, string>, body: Readable): Promise<void> {
    this.response.writeHead(status, headers);
    const counted = this.#counted(body);
    await pipeline(Readable.from(counted, { objectMode: false }), this.response);
  }

  async *#counted(body: Readable): AsyncGenerator<Buffer, void, void> {
    const pieces = this.#rate === undefined ? body : this.#rate.carry(body);
    for await (const piece of pieces) {
      this.bytesOut += piece.byteLength;
      yield piece;
    }
  }
}
