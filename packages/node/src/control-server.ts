/**
 * The daemon's side of the control socket. Mode 0600 in a 0700 directory; bodies are bounded; a
 * caller that leaves aborts what it asked for; closing waits for running requests.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { newRequest, runInRequest } from '@shoal/snapshotter';
import { encodeError } from './control-errors.ts';
import { ControlProtocolError, SocketPathError } from './errors.ts';
import {
  CONNECTIONS_MAX,
  DRAIN_TIMEOUT_MS,
  REQUEST_BYTES_MAX,
  SOCKET_PATH_BYTES_MAX,
} from './limits.ts';
import type { Log } from './log.ts';

export type RouteHandler = (body: unknown, signal: AbortSignal) => Promise<unknown>;
/** An answer that is no JSON. */
export class TextAnswer {
  readonly contentType: string;
  readonly text: string;

  constructor(contentType: string, text: string) {
    this.contentType = contentType;
    this.text = text;
  }
}

/** `METHOD /path` to what answers it. */
export type Routes = Readonly<Record<string, RouteHandler>>;

export class ControlServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #socket: string;
  readonly #log: Log;
  #closing: Promise<void> | undefined;

  private constructor(socket: string, routes: Routes, log: Log) {
    this.#socket = socket;
    this.#log = log;
    this.#server = createServer({ requestTimeout: 30_000, keepAliveTimeout: 1_000 });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('request', (request, response) => {
      void this.#answer(request, response, routes);
    });
  }

  /** Listens at the path; whatever lies there is taken for a dead daemon's socket. */
  static async listen(socket: string, routes: Routes, log: Log): Promise<ControlServer> {
    if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX) {
      throw new SocketPathError(socket, SOCKET_PATH_BYTES_MAX);
    }
    const server = new ControlServer(socket, routes, log);
    rmSync(socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.#server.once('error', reject);
      server.#server.listen(socket, () => resolve());
    });
    chmodSync(socket, 0o600);
    return server;
  }

  async #answer(request: IncomingMessage, response: ServerResponse, routes: Routes): Promise<void> {
    const left = new AbortController();
    response.once('close', () => left.abort());
    try {
      const route = `${request.method ?? ''} ${request.url ?? ''}`;
      const handler = Object.hasOwn(routes, route) ? routes[route] : undefined;
      if (handler === undefined) throw new ControlProtocolError(`unknown request ${route}`);
      const question = await readJson(request);
      const context = newRequest('control', route);
      const answer = await runInRequest(context, () => handler(question, left.signal));
      send(response, 200, answer);
    } catch (error) {
      const { status, body } = encodeError(error);
      if (status === 500) this.#log.error({ err: error }, 'a request failed unexpectedly');
      send(response, status, body);
    }
  }

  /** Stops listening at once and waits for running requests. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    rmSync(this.#socket, { force: true });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), DRAIN_TIMEOUT_MS);
    await closed;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of request) {
    const bytes: Buffer = Buffer.from(part);
    length += bytes.length;
    if (length > REQUEST_BYTES_MAX) throw new ControlProtocolError('the request is too large');
    parts.push(bytes);
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    throw new ControlProtocolError('the request is not JSON', { cause: error });
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const isText = body instanceof TextAnswer;
  const text = isText ? body.text : JSON.stringify(body ?? null);
  response.writeHead(status, {
    'content-type': isText ? body.contentType : 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  });
  response.end(text);
}
