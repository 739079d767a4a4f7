/** Who is told what comes over a wire. A handler may throw a coded error: it closes the wire. */
import type { ShoalError } from '@shoal/errors';
import type { PeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import type { BencodeValue } from '../../torrent/bencode.ts';
import type { ExtendedHandshake } from '../extension/extended-handshake.ts';
import type { WireBlock } from '../wire-block.ts';
import type { WireLog } from '../wire-log.ts';
import type { SocketFeed } from './socket-feed.ts';

export interface PeerWireHandler {
  onHandshake(
    swarmId: SwarmId,
    peerId: PeerId,
    extensions: { readonly fast: boolean; readonly extended: boolean },
  ): void;
  onExtendedHandshake(handshake: ExtendedHandshake): void;
  onExtension(name: string, body: Buffer): void;
  onChoke(): void;
  onUnchoke(): void;
  onInterested(): void;
  onHave(index: number): void;
  /** Of the right size where the number of pieces is known. */
  onBitfield(bits: Buffer): void;
  onHaveAll(): void;
  onRequest(block: WireBlock): void;
  onCancel(block: WireBlock): void;
  /** What was written has been sent. */
  onDrain(): void;
  /** Once, whoever closed it. */
  onClosed(error: ShoalError): void;
}

export type PeerWireOptions = {
  readonly handler: PeerWireHandler;
  /** Longest block that is taken, in bytes. */
  readonly blockBytesMax: number;
  /** Extensions that are understood. */
  readonly extensions: readonly string[];
  /** What else our handshake of extensions says; asked for when it is sent. */
  readonly extendedHandshake: () => ReadonlyMap<string, BencodeValue>;
  readonly log?: WireLog | undefined;
  /** What comes on its socket. @default the socket's events */
  readonly feed?: SocketFeed | undefined;
};
