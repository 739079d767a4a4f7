/** One port of the tracker, with maxima for everything that a stranger decides. */
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorCode } from '@shoal/errors';
import { formatHostPort, type HostPort } from '@shoal/oci/host-port';
import type { IdentityFiles } from '../../trust/identity-files.ts';
import { TrackerOptionsError } from '../errors.ts';
import {
  TRACKER_CLOSE_MS_MAX,
  TRACKER_HEAD_TIMEOUT_MS,
  TRACKER_HEADER_BYTES_MAX,
  TRACKER_KEEP_ALIVE_MS,
  TRACKER_REQUEST_TIMEOUT_MS,
} from '../limits.ts';
import { createSecureServer, createServer } from './node-http.ts';

export type ListenerOptions = {
  readonly address: HostPort;
  readonly connectionsMax: number;
  /** With it TLS is spoken, and everybody is asked for a certificate. */
  readonly identity?: IdentityFiles | undefined;
  readonly onRequest: RequestListener;
  /** Hears when connections cannot be accepted, for example because there are too many open files. */
  readonly onProblem: (error: unknown) => void;
};

export class HttpListener implements AsyncDisposable {
  readonly #server: Server;
  readonly #unsubscribe: () => void;
  #closing: Promise<void> | undefined;

  /** Throws `ERR_P2P_TRACKER_OPTIONS` when it cannot listen there. */
  static async listen(options: ListenerOptions): Promise<HttpListener> {
    const { address, connectionsMax, identity } = options;
    const server = identity === undefined ? plainServer() : secureServer(identity);
    server.maxConnections = connectionsMax;
    server.on('request', options.onRequest);
    // What is no HTTP is answered with 400 by Node and closed.
    server.on('tlsClientError', () => undefined);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once('error', reject);
    const { host, port } = address;
    server.listen(host === '' ? { port } : { port, host }, resolve);
    await promise.catch((error: unknown) => {
      const place = formatHostPort(address);
      const why = errorCode(error) ?? 'unknown';
      const remedy = 'choose another address or port, or end what listens there';
      throw new TrackerOptionsError(`cannot listen at ${place} (${why})`, { cause: error, remedy });
    });
    server.on('error', options.onProblem);
    return new HttpListener(server, identity);
  }

  private constructor(server: Server, identity: IdentityFiles | undefined) {
    this.#server = server;
    this.#unsubscribe =
      identity?.onChange(({ ca, cert, key }) => {
        if ('setSecureContext' in server && typeof server.setSecureContext === 'function') {
          server.setSecureContext({ ca, cert, key });
        }
      }) ?? (() => undefined);
  }

  /** With the port that the system chose for 0. */
  get address(): HostPort {
    const address = this.#server.address();
    if (!isAddressInfo(address)) return { host: '', port: 0 };
    return { host: address.address, port: address.port };
  }

  /** Requests that are being answered are, connections that do nothing are closed. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#unsubscribe();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeIdleConnections();
    const late = setTimeout(() => this.#server.closeAllConnections(), TRACKER_CLOSE_MS_MAX);
    await promise;
    clearTimeout(late);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

const HTTP_OPTIONS = {
  maxHeaderSize: TRACKER_HEADER_BYTES_MAX,
  requestTimeout: TRACKER_REQUEST_TIMEOUT_MS,
  headersTimeout: TRACKER_HEAD_TIMEOUT_MS,
  keepAliveTimeout: TRACKER_KEEP_ALIVE_MS,
} as const;

function plainServer(): Server {
  return createServer(HTTP_OPTIONS);
}

function secureServer(identity: IdentityFiles): Server {
  const { ca, cert, key } = identity.current;
  return createSecureServer({
    ...HTTP_OPTIONS,
    ca,
    cert,
    key,
    minVersion: 'TLSv1.3',
    requestCert: true,
    // Who shows none is anybody, who may ask whether we are well, or show the administrator's token.
    rejectUnauthorized: false,
    handshakeTimeout: TRACKER_HEAD_TIMEOUT_MS,
  });
}

function isAddressInfo(address: string | AddressInfo | null): address is AddressInfo {
  return typeof address === 'object' && address !== null;
}
