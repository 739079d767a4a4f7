/**
 * `GET /metrics` on a TCP address, for scrapers that cannot reach the control socket. Off unless it
 * is configured; it answers nothing else.
 */
import type { Server, ServerResponse } from 'node:http';
import { formatHostPort, type HostPort } from '@shoal/oci/host-port';
import { MetricsAddressError } from '../errors.ts';
import { METRICS_CONNECTIONS_MAX } from '../limits.ts';
import type { Log } from '../log/log.ts';
import { createServer } from '../node-http.ts';
import type { Metrics } from './metrics.ts';

export class MetricsServer implements AsyncDisposable {
  readonly #server: Server;
  #closing: Promise<void> | undefined;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws MetricsAddressError */
  static async listen(address: HostPort, metrics: Metrics, log: Log): Promise<MetricsServer> {
    const server = createServer({ requestTimeout: 10_000, keepAliveTimeout: 30_000 });
    server.maxConnections = METRICS_CONNECTIONS_MAX;
    server.on('request', ({ method, url }, response) => {
      if (method === 'GET' && url === '/metrics') void answer(response, metrics, log);
      else response.writeHead(404, { 'content-length': 0 }).end();
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    server.listen(address.port, address.host, resolve);
    await promise.catch((error: unknown) => {
      throw new MetricsAddressError(formatHostPort(address), { cause: error });
    });
    return new MetricsServer(server);
  }

  /** Where it listens: with the port that the system chose for 0. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function answer(response: ServerResponse, metrics: Metrics, log: Log): Promise<void> {
  try {
    const text = await metrics.text();
    response.writeHead(200, {
      'content-type': metrics.contentType,
      'content-length': Buffer.byteLength(text),
    });
    response.end(text);
  } catch (error) {
    log.error({ event: 'metrics-failed', err: error }, 'metrics were not written');
    response.writeHead(500, { 'content-length': 0 }).end();
  }
}
