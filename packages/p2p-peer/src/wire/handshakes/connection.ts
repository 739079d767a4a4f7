/** Sockets of wires: reached before a deadline, ended within one. */
import { connect, type OnReadOpts, type Socket } from 'node:net';
import {
  type ConnectionOptions,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { errorCode, ShoalError } from '@shoal/errors';
import { type HostPort, parseHostPort } from '@shoal/oci/host-port';
import { WireDialError, WireTimeoutError, WireUntrustedError } from '../errors.ts';
import { CLOSE_TIMEOUT_MS } from '../limits.ts';
import type { WireIdentity } from './wire-trust.ts';

export type DialOptions = {
  /** `host:port`; IPv6 in brackets. */
  readonly address: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
};

/** Connected. Throws `ERR_P2P_WIRE_DIAL`, `ERR_P2P_WIRE_TIMEOUT`, or the reason of the signal. */
export async function dial(options: DialOptions): Promise<Socket> {
  const { address, signal } = options;
  signal?.throwIfAborted();
  return await connected(connect(placeOf(address)), options);
}

async function connected<Kind extends Socket>(
  socket: Kind,
  { address, timeoutMs, signal }: DialOptions,
): Promise<Kind> {
  const limit = new ConnectionLimit(socket, timeoutMs, 'answer', signal);
  try {
    await reached(socket, 'connect');
    return socket;
  } catch (error) {
    throw limit.reason ?? new WireDialError(address, causeOf(error), { cause: error });
  } finally {
    limit.lift();
  }
}

function placeOf(address: string): HostPort {
  try {
    return parseHostPort(address);
  } catch (error) {
    throw new WireDialError(address, 'it is no address of the form host:port', { cause: error });
  }
}

/**
 * TLS 1.3 with both certificates, over a connected socket. Whom the other one names is not checked
 * here. `protocol`: what is spoken then, where it is no wire (ALPN). Throws `ERR_P2P_WIRE_UNTRUSTED`,
 * `ERR_P2P_WIRE_DIAL`.
 */
export async function secure(
  socket: Socket,
  identity: WireIdentity,
  address: string,
  protocol?: string,
): Promise<TLSSocket> {
  const protocols = protocol === undefined ? {} : { ALPNProtocols: [protocol] };
  const tlsSocket = connectTls({ socket, ...protocols, ...tlsOptions(identity) });
  await secured(tlsSocket, address);
  return tlsSocket;
}

/**
 * The same from the start: connected, and `secured` has to follow. What comes is given to `onread`, which
 * Node does only for a socket that TLS has opened itself. Throws as `dial` does.
 */
export async function dialSecurely(
  options: DialOptions,
  identity: WireIdentity,
  onread: OnReadOpts,
): Promise<TLSSocket> {
  const { address, signal } = options;
  signal?.throwIfAborted();
  const place = { ...placeOf(address), onread };
  return await connected(connectTls({ ...place, ...tlsOptions(identity) }), options);
}

/** Resolves when the handshake of TLS is over. Throws as `secure` does; the socket is destroyed then. */
export async function secured(socket: TLSSocket, address: string): Promise<void> {
  try {
    await reached(socket, 'secureConnect');
  } catch (error) {
    socket.destroy();
    if (socket.authorizationError) {
      throw new WireUntrustedError('its certificate is not of our authority', { cause: error });
    }
    throw new WireDialError(address, `TLS: ${causeOf(error)}`, { cause: error });
  }
}

function tlsOptions(identity: WireIdentity): ConnectionOptions {
  return {
    secureContext: contextOf(identity),
    // Also where the process was told to trust any registry (NODE_TLS_REJECT_UNAUTHORIZED).
    rejectUnauthorized: true,
    // Hosts are named by SPIFFE ids, not by the addresses they happen to have.
    checkServerIdentity: () => undefined,
  };
}

/** To read the PEM texts takes a tenth of the time of a handshake. */
const contexts = new WeakMap<WireIdentity, SecureContext>();

function contextOf(identity: WireIdentity): SecureContext {
  const known = contexts.get(identity);
  if (known !== undefined) return known;
  const { ca, cert, key } = identity;
  const context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.3' });
  contexts.set(identity, context);
  return context;
}

/** Destroys a socket when time is up or a signal fires, and remembers which of them it was. */
export class ConnectionLimit {
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #reason: Error | undefined;

  /** `what` the other side did not do in time, as a verb. */
  constructor(socket: Socket, timeoutMs: number, what: string, signal?: AbortSignal) {
    const end = (reason: Error) => {
      this.#reason ??= reason;
      socket.destroy(this.#reason);
    };
    this.#timer = setTimeout(() => end(new WireTimeoutError(what, timeoutMs)), timeoutMs);
    this.#signal = signal;
    this.#onAbort = () => {
      const reason: unknown = signal?.reason;
      end(reason instanceof Error ? reason : new DOMException('aborted', 'AbortError'));
    };
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted === true) this.#onAbort();
  }

  /** Why it destroyed the socket. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  lift(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** Resolves when a socket whose end was asked for is closed; after a while it is closed for it. */
export async function endSocket(socket: Socket): Promise<void> {
  if (socket.closed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
  socket.once('close', () => resolve());
  await promise;
  clearTimeout(timer);
}

async function reached(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClose = () => reject(new Error('it closed the connection'));
  socket.once(event, resolve);
  socket.once('error', reject);
  socket.once('close', onClose);
  try {
    await promise;
  } finally {
    socket.off(event, resolve);
    socket.off('error', reject);
    socket.off('close', onClose);
    // Until somebody else listens: an error without listeners would end the process.
    socket.on('error', () => {});
  }
}

function causeOf(error: unknown): string {
  if (error instanceof ShoalError) return error.message;
  return errorCode(error) ?? (error instanceof Error ? error.message : 'unknown');
}
