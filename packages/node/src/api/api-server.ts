/**
 * Gets over HTTP, for programs of this host: JSON bodies, a token for every request, everything that a
 * stranger decides bounded. docs/api.md.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { errorCode } from '@shoal/errors';
import { readBounded } from '@shoal/oci/bounded-body';
import { formatHostPort } from '@shoal/oci/host-port';
import type { IdentityFiles } from '@shoal/p2p-peer/trust';
import type { ApiConfig } from '../config/api-config.ts';
import { encodeError } from '../control/control-errors.ts';
import {
  API_BODY_BYTES_MAX,
  API_CONNECTIONS_CHECK_MS,
  API_CONNECTIONS_MAX,
  API_HEAD_TIMEOUT_MS,
  API_HEADER_BYTES_MAX,
  API_KEEP_ALIVE_MS,
  API_REQUEST_TIMEOUT_MS,
} from '../limits.ts';
import { closeAtOnce, listenAt, portOf } from '../listening.ts';
import { createSecureServer, createServer, goOnAfterErrors } from '../node-http.ts';
import { checkToken, readToken } from './api-token.ts';
import { ApiRequestError } from './errors.ts';
import { decodeOrder } from './get-order.ts';
import type { GetTasks } from './get-tasks.ts';

type Answer = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

const ONE = /^(GET|DELETE) \/v1\/gets\/([0-9a-f]{16})$/;

/** Statuses of what a get can be refused for before it starts. */
const STATUS: Readonly<Record<string, number | undefined>> = {
  ERR_OCI_REFERENCE: 400,
  ERR_OCI_PLATFORM: 400,
  ERR_DOWNLOADS_SUBJECT: 400,
  ERR_DOWNLOADS_TITLE: 400,
};

export class ApiServer implements AsyncDisposable {
  readonly #config: ApiConfig;
  readonly #tasks: GetTasks;
  readonly #server: Server;
  #closing: Promise<void> | undefined;

  /** Throws when it cannot listen there, or has no token to ask for. `tls` is its owner's to close. */
  static async listen(config: ApiConfig, tasks: GetTasks, tls?: IdentityFiles): Promise<ApiServer> {
    await readToken(config.tokenFile);
    const server = openServer(tls);
    server.maxConnections = API_CONNECTIONS_MAX;
    const api = new ApiServer(config, tasks, server);
    await listenAt(server, config.address);
    return api;
  }

  private constructor(config: ApiConfig, tasks: GetTasks, server: Server) {
    this.#config = config;
    this.#tasks = tasks;
    this.#server = server;
    goOnAfterErrors(server);
    server.on('request', (request, response) => void this.#respond(request, response));
  }

  /** `host:port`, with the port that the system chose for 0. */
  get address(): string {
    return formatHostPort({ ...this.#config.address, port: portOf(this.#server) });
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that leaves early.
    response.on('error', () => undefined);
    try {
      await checkToken(this.#config.tokenFile, request.headers.authorization);
      send(response, await this.#answer(request));
    } catch (error) {
      send(response, refusal(error));
    }
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const route = `${request.method ?? ''} ${request.url ?? ''}`;
    if (route === 'GET /v1/gets') return { status: 200, body: { gets: this.#tasks.list() } };
    if (route === 'POST /v1/gets') {
      const order = decodeOrder(await readJson(request), this.#config.sources);
      const body = this.#tasks.create(order);
      return { status: 201, body, headers: { location: `/v1/gets/${body.id}` } };
    }
    const [, method, id] = ONE.exec(route) ?? [];
    if (id === undefined) throw new ApiRequestError(404, 'there is no such thing');
    const body = method === 'DELETE' ? this.#tasks.cancel(id) : this.#tasks.get(id);
    return { status: 200, body };
  }

  close(): Promise<void> {
    this.#closing ??= closeAtOnce(this.#server);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const HTTP_OPTIONS = {
  connectionsCheckingInterval: API_CONNECTIONS_CHECK_MS,
  maxHeaderSize: API_HEADER_BYTES_MAX,
  requestTimeout: API_REQUEST_TIMEOUT_MS,
  headersTimeout: API_HEAD_TIMEOUT_MS,
  keepAliveTimeout: API_KEEP_ALIVE_MS,
} as const;

/** With certificates as they are at the moment. */
function openServer(tls: IdentityFiles | undefined): Server {
  if (tls === undefined) return createServer(HTTP_OPTIONS);
  const { cert, key } = tls.current;
  const own = { minVersion: 'TLSv1.2', handshakeTimeout: API_HEAD_TIMEOUT_MS } as const;
  const server = createSecureServer({ ...HTTP_OPTIONS, ...own, cert, key });
  const stop = tls.onChange((now) =>
    server.setSecureContext({ minVersion: own.minVersion, cert: now.cert, key: now.key }),
  );
  server.once('close', stop);
  return server;
}

function refusal(error: unknown): Answer {
  const { status, body } = encodeError(error);
  if (!(error instanceof ApiRequestError)) {
    return { status: STATUS[errorCode(error) ?? ''] ?? status, body };
  }
  const headers: Record<string, string> = {};
  if (error.status === 401) headers['www-authenticate'] = 'Bearer realm="shoal"';
  if (error.status === 429) headers['retry-after'] = '5';
  return { status: error.status, body, headers };
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const tooMuch = () => new ApiRequestError(413, 'the request is too large');
  const body = await readBounded(request, API_BODY_BYTES_MAX, tooMuch);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ApiRequestError(400, 'the request is not JSON', { cause: error });
  }
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  if (response.headersSent) return void response.end();
  const text = JSON.stringify(body);
  // Of a request that was refused nothing more is read.
  const ending = status >= 400 ? { connection: 'close' } : {};
  response.writeHead(status, {
    ...headers,
    ...ending,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
