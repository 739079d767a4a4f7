/** The HTTP server below the proxy: what of a connection is limited, and how it ends. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorCode } from '@shoal/errors';
import { formatHostPort } from '@shoal/oci/host-port';
import { type Refusal, refusal } from '../answer/refusal.ts';
import { ProxyListenError } from '../errors.ts';
import {
  CLIENT_SILENT_MS,
  CLOSE_GRACE_MS,
  CONNECTIONS_CHECK_MS,
  CONNECTIONS_MAX,
  HEAD_TIMEOUT_MS,
  HEADER_BYTES_MAX,
  KEEP_ALIVE_MS,
} from '../limits.ts';
import { createServer } from '../node-http.ts';
import { ONLY_HTTP } from '../request/target-form.ts';
import { ConnectionTurns } from './connection-turns.ts';

export type ProxyServer = {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  close(): Promise<void>;
};

export type ListenAddress = {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
};

const HOST_DEFAULT = '127.0.0.1';
const PORT_DEFAULT = 4001;

/** `hangUp`: nothing more is read from its connection. Must not reject. */
export type Serve = (
  message: IncomingMessage,
  response: ServerResponse,
  hangUp: () => void,
) => Promise<void>;

/** Throws `ERR_REGISTRY_PROXY_LISTEN`. */
export async function openProxyServer(
  { host = HOST_DEFAULT, port = PORT_DEFAULT }: ListenAddress,
  serve: Serve,
): Promise<ProxyServer> {
  const server = makeServer();
  const turns = new ConnectionTurns();
  const answer = (message: IncomingMessage, response: ServerResponse) => {
    // A body is never wanted; it is thrown away so that its connection can end in order.
    message.resume();
    const { socket } = message;
    if (turns.isHungUp(socket)) return turns.bear(socket);
    if (!turns.take(socket, response)) return refuse(response);
    void serve(message, response, () => turns.hangUp(socket));
  };
  server.on('request', answer);
  // Whoever waits for leave to send a body hears that it is not wanted.
  server.on('checkContinue', answer);
  server.on('checkExpectation', answer);
  server.on('connect', (_, socket: Duplex) => refuseRaw(socket, '405 Method Not Allowed', TUNNEL));
  server.on('clientError', (error: Error, socket: Duplex) => {
    if (turns.isHungUp(socket)) return socket.destroy();
    turns.hangUp(socket);
    return refuseRaw(socket, UNREAD.get(errorCode(error) ?? '') ?? '400 Bad Request');
  });
  const address = await listen(server, host, port);
  return {
    host: formatHostPort({ host: address.address, port: address.port }),
    close: () => end(server),
  };
}

function makeServer(): Server {
  const server = createServer({
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    insecureHTTPParser: false,
    requireHostHeader: true,
    joinDuplicateHeaders: false,
    noDelay: true,
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.timeout = CLIENT_SILENT_MS;
  return server;
}

function refuse(response: ServerResponse): void {
  const { status, headers, body } = FLOOD;
  response.writeHead(status, { ...headers, 'content-length': body.byteLength }).end(body);
}

const FLOOD = refusal(429, 'TOOMANYREQUESTS', 'too many requests at once on one connection', {
  connection: 'close',
});
/** By what Node's server says of a request that it could not read: a client may send a late one again. */
const UNREAD: ReadonlyMap<string, string> = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
]);
const TUNNEL = refusal(405, 'UNSUPPORTED', ONLY_HTTP, { allow: 'GET, HEAD' });
const NOTHING: Pick<Refusal, 'headers' | 'body'> = { headers: {}, body: Buffer.of() };

/** What is no request that Node understands gets an answer that needs none. */
function refuseRaw(socket: Duplex, status: string, { headers, body } = NOTHING): void {
  socket.on('error', () => undefined);
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const all = { ...headers, connection: 'close', 'content-length': `${body.byteLength}` };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`);
  socket.end(body, () => socket.destroy());
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  const place = formatHostPort({ host, port });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (error) {
    throw new ProxyListenError(`cannot listen at ${place} (${errorCode(error) ?? 'error'})`, {
      cause: error,
      remedy: 'choose another address or port, or end what listens there',
    });
  }
  server.off('error', reject);
  // Too many open files and the like: the next connection may do.
  server.on('error', () => undefined);
  const address = server.address();
  if (typeof address === 'object' && address !== null) return address;
  throw new ProxyListenError(`cannot listen at ${place}`, { remedy: 'give a TCP address' });
}

async function end(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await promise;
  clearTimeout(timer);
}
