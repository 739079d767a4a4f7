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
  PIPELINED_MAX,
} from '../limits.ts';
import { createServer } from '../node-http.ts';
import { ONLY_HTTP } from '../request/target-form.ts';

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
  // Their last answer is on its way: what else they have sent may be a body that looks like a request.
  const hungUp = new WeakSet<Duplex>();
  const waiting = new WeakMap<Duplex, number>();
  const answer = (message: IncomingMessage, response: ServerResponse) => {
    // A body is never wanted; it is thrown away so that its connection can end in order.
    message.resume();
    const { socket } = message;
    if (hungUp.has(socket)) return;
    const before = waiting.get(socket) ?? 0;
    if (before >= PIPELINED_MAX) {
      hungUp.add(socket);
      // What else it sends stays where it is, until the last answer closes the connection.
      socket.pause();
      return refuse(response);
    }
    waiting.set(socket, before + 1);
    response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1));
    void serve(message, response, () => hungUp.add(socket));
  };
  server.on('request', answer);
  // Whoever waits for leave to send a body hears that it is not wanted.
  server.on('checkContinue', answer);
  server.on('checkExpectation', answer);
  server.on('connect', (_, socket: Duplex) => refuseRaw(socket, '405 Method Not Allowed', TUNNEL));
  server.on('clientError', (error: Error, socket: Duplex) => {
    if (hungUp.has(socket)) return socket.destroy();
    hungUp.add(socket);
    const isTooLarge = errorCode(error) === 'HPE_HEADER_OVERFLOW';
    return refuseRaw(
      socket,
      isTooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request',
    );
  });
  const address = await listen(server, host, port);
  return {
    host: formatHostPort({ host: address.address, port: address.port }),
    close: () => end(server),
  };
}

function refuse(response: ServerResponse): void {
  const { status, headers, body } = FLOOD;
  response.writeHead(status, { ...headers, 'content-length': body.byteLength }).end(body);
}

const FLOOD = refusal(429, 'TOOMANYREQUESTS', 'too many requests at once on one connection', {
  connection: 'close',
});
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
