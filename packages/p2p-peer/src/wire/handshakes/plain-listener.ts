/**
 * The port of standard clients: no TLS, no tokens, so public blobs only, and off unless asked for. Blobs are
 * torrents here: their own pieces, blocks of 16 KiB, bitfields.
 */
import { createServer, type Socket } from 'node:net';
import type { ShoalError } from '@shoal/errors';
import type { PeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import { addressGroupOf } from '../address-group.ts';
import type { BlobWire, WireFacts } from '../blob-wire.ts';
import { ACCEPT_TIMEOUT_MS } from '../limits.ts';
import type { WireLog } from '../wire-log.ts';
import { ConnectionLimit } from './connection.ts';
import { PlainGreeting } from './plain-greeting.ts';
import type { TorrentBlob } from './torrent-blob.ts';
import { WirePort, type WirePortOptions } from './wire-port.ts';

export type PlainListenerOptions = WirePortOptions & {
  readonly selfId: PeerId;
  /** By the infohash; undefined when that blob is not public, or not here. */
  readonly accept: (infohash: SwarmId, facts: WireFacts) => TorrentBlob | undefined;
  readonly log?: WireLog | undefined;
  /** @default ACCEPT_TIMEOUT_MS */
  readonly handshakeTimeoutMs?: number;
};

export class PlainWireListener {
  readonly #options: PlainListenerOptions;
  readonly #port: WirePort;

  /** Listens when it resolves; rejects with the system's error where it cannot. */
  static async open(options: PlainListenerOptions): Promise<PlainWireListener> {
    const listener = new PlainWireListener(options);
    await listener.#port.listen();
    return listener;
  }

  private constructor(options: PlainListenerOptions) {
    this.#options = options;
    const server = createServer();
    this.#port = new WirePort(server, options);
    server.on('connection', (socket) => {
      if (!socket.destroyed) this.#greet(socket);
    });
  }

  get port(): number {
    return this.#port.port;
  }

  /** Wires that are open. */
  get wires(): ReadonlySet<BlobWire> {
    return this.#port.wires;
  }

  /** Takes nobody any more and closes all wires. Idempotent. */
  async close(): Promise<void> {
    await this.#port.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #greet(socket: Socket): void {
    const { selfId, accept, log, handshakeTimeoutMs = ACCEPT_TIMEOUT_MS } = this.#options;
    const limit = new ConnectionLimit(socket, handshakeTimeoutMs, 'finish its handshake');
    const from = addressGroupOf(socket.remoteAddress);
    const greeting = new PlainGreeting(socket, {
      selfId,
      log,
      torrentOf: accept,
      enter: () => this.#port.admission.enter(from, from),
    });
    greeting.connected
      .then(
        (wire) => this.#port.addWire(wire),
        (error: ShoalError) => this.#port.refused(limit.reason ?? error),
      )
      .finally(() => limit.lift());
  }
}
