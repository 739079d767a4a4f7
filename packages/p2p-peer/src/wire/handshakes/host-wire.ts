/** How the handshakes of two hosts of ours end, whoever has dialled: with a wire, for as long as the token is good. */
import type { Socket } from 'node:net';
import { BLOCK_BYTES_MAX, PIECE_BYTES } from '../../limits.ts';
import type { SharedBlob, WireFacts } from '../blob-wire.ts';
import { ConnectedWire } from '../blocks/connected-wire.ts';
import { PieceLayout } from '../blocks/piece-layout.ts';
import type { PeerWire } from '../messages/peer-wire.ts';
import { endSocket } from './connection.ts';
import { closeWhenExpired } from './token-expiry.ts';

export type HostWireInput = {
  readonly peer: PeerWire;
  readonly socket: Socket;
  readonly facts: WireFacts;
  readonly blob: SharedBlob;
  /** Until the first block has come. */
  readonly latencyMs: number;
  /** When the token of the other side ends, in milliseconds since 1970. */
  readonly expiresAtMs: number;
};

/** What comes from now on is the wire's; nothing has been said on it yet. */
export function hostWire(input: HostWireInput): ConnectedWire {
  const { peer, socket, facts, blob, latencyMs, expiresAtMs } = input;
  const layout = new PieceLayout(blob.blobBytes, PIECE_BYTES, BLOCK_BYTES_MAX);
  const wire = new ConnectedWire({
    ...{ peer, facts, layout, blob, latencyMs },
    endConnection: () => endSocket(socket),
  });
  wire.takeOver();
  closeWhenExpired(peer, wire, expiresAtMs);
  return wire;
}
