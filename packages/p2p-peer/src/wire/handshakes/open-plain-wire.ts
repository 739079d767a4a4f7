/** Dialling a standard client: its answer has to be for the torrent that we want. */
import type { PeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import type { BlobWire } from '../blob-wire.ts';
import { WireClosedError, WireDialError } from '../errors.ts';
import { DIAL_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from '../limits.ts';
import type { WireLog } from '../wire-log.ts';
import { ConnectionLimit, dial } from './connection.ts';
import { PlainGreeting } from './plain-greeting.ts';
import type { TorrentBlob } from './torrent-blob.ts';

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
