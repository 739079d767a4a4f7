/**
 * The daemon's side of the control socket. Mode 0600 in a 0700 directory; bodies are bounded; a
 * caller that leaves aborts what it asked for; closing waits for running requests. A socket that
 * somebody removed is made anew.
 */
import { chmodSync, existsSync, type FSWatcher, rmSync, watch } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { basename, dirname } from 'node:path';
import { errorCode } from '@shoal/errors';
import { readBounded } from '@shoal/oci/bounded-body';
import { newRequest, runInRequest } from '@shoal/snapshotter';
import { ControlProtocolError, SocketPathError } from '../errors.ts';
import {
  CONNECTIONS_MAX,
  DRAIN_TIMEOUT_MS,
  REQUEST_BYTES_MAX,
  SOCKET_CHECK_MS,
  SOCKET_PATH_BYTES_MAX,
} from '../limits.ts';
import type { Log } from '../log/log.ts';
import { createServer, goOnAfterErrors } from '../node-http.ts';
import { encodeError } from './control-errors.ts';

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

/** Bytes, and what is to be known of them. */
export class BytesAnswer {
  readonly bytes: Buffer;
  readonly headers: Readonly<Record<string, string>>;

  constructor(bytes: Buffer, headers: Readonly<Record<string, string>>) {
    this.bytes = bytes;
    this.headers = headers;
  }
}

/** `METHOD /path` to what answers it. */
export type Routes = Readonly<Record<string, RouteHandler>>;

type Listening = { readonly server: Server; readonly closed: Promise<void> };

export class ControlServer implements AsyncDisposable {
  /** The last one listens; those before lost their socket and finish what was asked. */
  readonly #servers: Listening[] = [];
  readonly #socket: string;
  readonly #routes: Routes;
  readonly #log: Log;
  /** Of the socket's directory. */
  #watcher: FSWatcher | undefined;
  #check: NodeJS.Timeout | undefined;
  #checking: Promise<void> = Promise.resolve();
  #closing: Promise<void> | undefined;

  private constructor(socket: string, routes: Routes, log: Log) {
    this.#socket = socket;
    this.#routes = routes;
    this.#log = log;
  }

  /** Listens at the path; whatever lies there is taken for a dead daemon's socket. */
  static async listen(socket: string, routes: Routes, log: Log): Promise<ControlServer> {
    if (Buffer.byteLength(socket) > SOCKET_PATH_BYTES_MAX) {
      throw new SocketPathError(socket, SOCKET_PATH_BYTES_MAX);
    }
    const server = new ControlServer(socket, routes, log);
    rmSync(socket, { force: true });
    await server.#listen();
    server.#watch();
    return server;
  }

  async #listen(): Promise<void> {
    const server = createServer({ requestTimeout: 30_000, keepAliveTimeout: 1_000 });
    server.maxConnections = CONNECTIONS_MAX;
    goOnAfterErrors(server);
    server.on('request', (request, response) => {
      void this.#answer(request, response, this.#routes);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#socket, () => resolve());
    });
    chmodSync(this.#socket, 0o600);
    const closed = new Promise<void>((resolve) => server.once('close', () => resolve()));
    this.#servers.push({ server, closed });
  }

  /** The kernel tells when the socket goes; where it has no watch to give, it is looked for. */
  #watch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    try {
      const listener = (_: string, name: string | null) => {
        if (name === basename(this.#socket)) this.#look();
      };
      this.#watcher = watch(dirname(this.#socket), { persistent: false }, listener);
      this.#watcher.once('error', () => this.#watch());
    } catch {
      // No watch is left: see below.
    }
    // It may have gone before it was watched.
    this.#look();
  }

  #look(): void {
    this.#checking = this.#checking.then(() => this.#keepSocket());
  }

  #lookLater(): void {
    if (this.#closing !== undefined) return;
    clearTimeout(this.#check);
    this.#check = setTimeout(() => this.#look(), SOCKET_CHECK_MS).unref();
  }

  async #keepSocket(): Promise<void> {
    if (this.#closing !== undefined) return;
    if (existsSync(this.#socket)) {
      if (this.#watcher === undefined) this.#lookLater();
      return;
    }
    // Before the new one is there: closing removes whatever has its path.
    this.#servers.at(-1)?.server.close();
    try {
      await this.#listen();
      this.#log.warn({ socket: this.#socket }, 'the control socket was gone and is there again');
      // Its directory may be another one.
      this.#watch();
    } catch (error) {
      this.#log.debug({ reason: String(error) }, 'the control socket cannot be made anew');
      this.#lookLater();
    }
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
      if (left.signal.aborted && isOfLeaving(error)) return;
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
    this.#watcher?.close();
    clearTimeout(this.#check);
    await this.#checking;
    rmSync(this.#socket, { force: true });
    await Promise.all(this.#servers.map(closeServer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Whoever asked has left: nobody waits for an answer, and nothing went wrong here. */
function isOfLeaving(error: unknown): boolean {
  const isAbort = error instanceof Error && error.name === 'AbortError';
  return isAbort || errorCode(error) === 'ECONNRESET';
}

/** Stops listening at once. */
async function closeServer({ server, closed }: Listening): Promise<void> {
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), DRAIN_TIMEOUT_MS);
  await closed;
  clearTimeout(timer);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const tooMuch = () => new ControlProtocolError('the request is too large');
  const body = await readBounded(request, REQUEST_BYTES_MAX, tooMuch);
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ControlProtocolError('the request is not JSON', { cause: error });
  }
}

function send(response: ServerResponse, status: number, answer: unknown): void {
  const { contentType, body, headers = {} } = encoded(answer);
  response.writeHead(status, {
    ...headers,
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  });
  response.end(body);
}

function encoded(answer: unknown) {
  if (answer instanceof BytesAnswer) {
    const { bytes: body, headers } = answer;
    return { contentType: 'application/octet-stream', body, headers };
  }
  if (answer instanceof TextAnswer) return { contentType: answer.contentType, body: answer.text };
  return { contentType: 'application/json', body: JSON.stringify(answer ?? null) };
}
