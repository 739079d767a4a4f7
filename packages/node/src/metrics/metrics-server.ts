/**
 * `GET /metrics` on a TCP address, for scrapers that cannot reach the control socket. Off unless it
 * is configured; it answers nothing else.
 */
import type { Server, ServerResponse } from 'node:http';
import { formatHostPort, type HostPort } from '@shoal/oci/host-port';
import { MetricsAddressError } from '../errors.ts';
import {
  METRICS_CONNECTIONS_MAX,
  METRICS_KEEP_ALIVE_MS,
  METRICS_REQUEST_TIMEOUT_MS,
} from '../limits.ts';
import { closeAtOnce, listenAt, portOf } from '../listening.ts';
import { createServer, goOnAfterErrors } from '../node-http.ts';
import type { Scraped } from './metric-set.ts';

export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;
  #closing: Promise<void> | undefined;

  private constructor(server: Server) {
    this.#server = server;
    goOnAfterErrors(server);
  }

  /** @throws MetricsAddressError */
  static async listen(
    address: HostPort,
    metrics: Scraped,
    onFailed: (error: unknown) => void,
  ): Promise<MetricsServer> {
    const server = createServer({
      requestTimeout: METRICS_REQUEST_TIMEOUT_MS,
      keepAliveTimeout: METRICS_KEEP_ALIVE_MS,
    });
    server.maxConnections = METRICS_CONNECTIONS_MAX;
    server.on('request', ({ method, url }, response) => {
      if (method === 'GET' && url === '/metrics') void answer(response, metrics, onFailed);
      else response.writeHead(404, { 'content-length': 0 }).end();
    });
    await listenAt(server, address).catch((error: unknown) => {
      throw new MetricsAddressError(formatHostPort(address), { cause: error });
    });
    return new MetricsServer(server);
  }

  /** Where it listens: with the port that the system chose for 0. */
  get port(): number {
    return portOf(this.#server);
  }

  close(): Promise<void> {
    this.#closing ??= closeAtOnce(this.#server);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function answer(
  response: ServerResponse,
  metrics: Scraped,
  onFailed: (error: unknown) => void,
): Promise<void> {
  try {
    const text = await metrics.text();
    response.writeHead(200, {
      'content-type': metrics.contentType,
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  } catch (error) {
    onFailed(error);
    response.writeHead(500, { 'content-length': 0 }).end();
  }
}
