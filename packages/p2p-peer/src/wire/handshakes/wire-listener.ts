/**
 * The peer port: hosts of ours come over TLS with certificates, say what they want and show a token.
 * Until all of it is checked they hear nothing but that we speak TLS; then the owner says whether the
 * blob is shared with them.
 */
import { constants } from 'node:crypto';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { BlobWire } from '../blob-wire.ts';
import { ACCEPT_TIMEOUT_MS } from '../limits.ts';
import { answerQuestion, HOST_QUESTION } from './ask-host.ts';
import { HostGreeting, type HostGreetingOptions } from './host-greeting.ts';
import { WirePort, type WirePortOptions } from './wire-port.ts';
import type { WireTrust } from './wire-trust.ts';

export type WireListenerOptions = WirePortOptions &
  Pick<HostGreetingOptions, 'self' | 'trust' | 'accept' | 'log'> & {
    /** @default ACCEPT_TIMEOUT_MS */
    readonly handshakeTimeoutMs?: number;
  };

export class WireListener {
  readonly #options: WireListenerOptions;
  readonly #server: Server;
  readonly #port: WirePort;
  readonly #handshakeTimeoutMs: number;

  /** Listens when it resolves; rejects with the system's error where it cannot. */
  static async open(options: WireListenerOptions): Promise<WireListener> {
    const listener = new WireListener(options);
    await listener.#port.listen();
    return listener;
  }

  private constructor(options: WireListenerOptions) {
    this.#options = options;
    this.#handshakeTimeoutMs = options.handshakeTimeoutMs ?? ACCEPT_TIMEOUT_MS;
    this.#server = createServer({
      ...tlsIdentity(options.trust),
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      // A wire names none.
      ALPNProtocols: [HOST_QUESTION],
      // A resumed session would not look at the certificate again.
      secureOptions: constants.SSL_OP_NO_TICKET,
      handshakeTimeout: this.#handshakeTimeoutMs,
    });
    this.#port = new WirePort(this.#server, options);
    this.#server.on('secureConnection', (socket) => {
      if (socket.alpnProtocol === HOST_QUESTION) this.#answer(socket);
      else this.#greet(socket);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      // Also when time is up for it, and Node leaves it open then.
      socket.destroy();
      this.#port.refused(error);
    });
  }

  get port(): number {
    return this.#port.port;
  }

  /** Wires that are open. */
  get wires(): ReadonlySet<BlobWire> {
    return this.#port.wires;
  }

  /** Who comes from now on sees the present certificate, and is checked against its authority. */
  reloadIdentity(): void {
    this.#server.setSecureContext({
      ...tlsIdentity(this.#options.trust),
      minVersion: 'TLSv1.3',
      secureOptions: constants.SSL_OP_NO_TICKET,
    });
  }

  /** Takes nobody any more and closes all wires. Idempotent. */
  async close(): Promise<void> {
    await this.#port.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #answer(socket: TLSSocket): void {
    try {
      answerQuestion(socket, this.#options.self);
    } catch (error) {
      this.#port.refused(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #greet(socket: TLSSocket): void {
    const greeting = new HostGreeting(socket, {
      ...this.#options,
      admission: this.#port.admission,
      handshakeTimeoutMs: this.#handshakeTimeoutMs,
    });
    greeting.connected.then(
      (wire) => this.#port.addWire(wire),
      (error: Error) => this.#port.refused(error),
    );
  }
}

function tlsIdentity(trust: WireTrust): { ca: string; cert: string; key: string } {
  const { ca, cert, key } = trust.identity();
  return { ca, cert, key };
}
