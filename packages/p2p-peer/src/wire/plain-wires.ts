/**
 * The plain side, for standard clients: no TLS, no tokens, so public blobs only, and off unless asked
 * for. Blobs are torrents here: their own pieces, blocks of 16 KiB, bitfields.
 */
import { createServer, type Socket } from 'node:net';
import type { ShoalError } from '@shoal/errors';
import type { PeerId } from '../identity/peer-id.ts';
import type { SwarmId } from '../identity/swarm-id.ts';
import { addressGroupOf } from './address-group.ts';
import type { BlobWire, SharedBlob, WireFacts } from './blob-wire.ts';
import { ConnectionLimit, dial } from './connection.ts';
import { WireClosedError, WireDialError } from './errors.ts';
import { ACCEPT_TIMEOUT_MS, DIAL_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import { PlainGreeting } from './plain-greeting.ts';
import type { WireLog } from './wire-log.ts';
import { WirePort, type WirePortOptions } from './wire-port.ts';

/** A blob as its torrent has it. */
export type TorrentBlob = SharedBlob & {
  /** A multiple of 16 KiB. */
  readonly pieceBytes: number;
  /** The info dictionary, where clients may fetch it from us (BEP 9). @default they may not */
  readonly infoBytes?: Buffer | undefined;
  /** Resolves when so many bytes of that may go out. @default at once */
  readonly takeInfo?: (bytes: number, signal: AbortSignal) => Promise<void>;
  /** Told once the wire is open, before anything comes over it. */
  readonly onOpen?: (wire: BlobWire) => void;
};

export type PlainListenerOptions = WirePortOptions & {
  readonly selfId: PeerId;
  /** By the infohash; undefined when that blob is not public, or not here. */
  readonly accept: (infohash: SwarmId, facts: WireFacts) => TorrentBlob | undefined;
  readonly log?: WireLog | undefined;
  /** @default ACCEPT_TIMEOUT_MS */
  readonly handshakeTimeoutMs?: number;
};

export type OpenPlainWireOptions = {
  readonly selfId: PeerId;
  /** `host:port`. */
  readonly address: string;
  readonly infohash: SwarmId;
  readonly torrent: TorrentBlob;
  readonly log?: WireLog | undefined;
  readonly signal?: AbortSignal | undefined;
  /** @default DIAL_TIMEOUT_MS */
  readonly dialTimeoutMs?: number;
  /** @default HANDSHAKE_TIMEOUT_MS */
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

/**
 * Throws `ERR_P2P_WIRE_DIAL`, `ERR_P2P_WIRE_TIMEOUT`, `ERR_P2P_WIRE_PROTOCOL`, or the reason of the
 * signal.
 */
export async function openPlainWire(options: OpenPlainWireOptions): Promise<BlobWire> {
  const { address, selfId, infohash, torrent, log, signal } = options;
  const { dialTimeoutMs = DIAL_TIMEOUT_MS, handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options;
  const socket = await dial({ address, timeoutMs: dialTimeoutMs, signal });
  const limit = new ConnectionLimit(socket, handshakeTimeoutMs, 'finish its handshake', signal);
  const greeting = new PlainGreeting(socket, {
    selfId,
    log,
    infohash,
    torrentOf: (answered) => (answered === infohash ? torrent : undefined),
    enter: () => () => {},
  });
  try {
    return await greeting.connected;
  } catch (error) {
    if (limit.reason !== undefined) throw limit.reason;
    if (!(error instanceof WireClosedError)) throw error;
    const detail = 'it closed the wire during the handshake';
    throw new WireDialError(address, detail, { cause: error });
  } finally {
    limit.lift();
  }
}
