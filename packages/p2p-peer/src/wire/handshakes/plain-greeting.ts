/** A standard client until its handshake is here, whoever has dialled. */
import type { Socket } from 'node:net';
import type { ShoalError } from '@shoal/errors';
import type { PeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import { addressGroupOf } from '../address-group.ts';
import type { BlobWire, WireFacts } from '../blob-wire.ts';
import { ConnectedWire } from '../blocks/connected-wire.ts';
import { PieceLayout } from '../blocks/piece-layout.ts';
import { WireProtocolError, WireRefusedError } from '../errors.ts';
import { STANDARD_BLOCK_BYTES } from '../limits.ts';
import { PeerWire } from '../messages/peer-wire.ts';
import type { WireLog } from '../wire-log.ts';
import { endSocket } from './connection.ts';
import { HandshakeHandler } from './handshake-handler.ts';
import { standardWireOptions } from './shoal-hello.ts';
import type { TorrentBlob } from './torrent-blob.ts';

export type PlainGreetingOptions = {
  readonly selfId: PeerId;
  /** What we want, where we have dialled. */
  readonly infohash?: SwarmId;
  /** What the other side wants; undefined when it gets nothing. */
  readonly torrentOf: (infohash: SwarmId, facts: WireFacts) => TorrentBlob | undefined;
  /** Undefined when there are too many; otherwise what is called at the end. */
  readonly enter: () => (() => void) | undefined;
  readonly log: WireLog | undefined;
};

export class PlainGreeting extends HandshakeHandler {
  /** Rejects with the reason why there is no wire. */
  readonly connected: Promise<BlobWire>;
  readonly #settle: PromiseWithResolvers<BlobWire>;
  readonly #options: PlainGreetingOptions;
  readonly #socket: Socket;
  readonly #peer: PeerWire;
  readonly #startedAtMs = performance.now();
  #infoBytes: Buffer | undefined;

  constructor(socket: Socket, options: PlainGreetingOptions) {
    super();
    this.#settle = Promise.withResolvers<BlobWire>();
    this.connected = this.#settle.promise;
    this.#options = options;
    this.#socket = socket;
    const { infohash, selfId, log } = options;
    this.#peer = new PeerWire(
      socket,
      standardWireOptions(this, () => this.#infoBytes, log),
    );
    if (infohash !== undefined) this.#peer.handshake(infohash, selfId, { fast: true });
  }

  onHandshake(infohash: SwarmId, peerId: PeerId): void {
    const { selfId, torrentOf, enter } = this.#options;
    if (peerId === selfId) throw new WireProtocolError('it is this host itself');
    const from = addressGroupOf(this.#socket.remoteAddress);
    const facts: WireFacts = { peerId, host: undefined, repository: undefined, from };
    const torrent = torrentOf(infohash, facts);
    if (torrent === undefined) throw new WireRefusedError('the blob is not shared with it');
    const leave = enter();
    if (leave === undefined) throw new WireRefusedError('there are too many wires');
    this.#infoBytes = torrent.infoBytes;
    const wire = this.#connect(facts, torrent);
    void wire.closed.then(leave);
    if (this.#options.infohash === undefined) {
      this.#peer.handshake(infohash, selfId, { fast: true });
    }
    torrent.onOpen?.(wire);
    wire.begin();
    this.#settle.resolve(wire);
  }

  /** Comes later, to the wire. */
  onExtendedHandshake(): void {}

  onClosed(error: ShoalError): void {
    this.#settle.reject(error);
  }

  #connect(facts: WireFacts, torrent: TorrentBlob): ConnectedWire {
    const { blobBytes, pieceBytes } = torrent;
    if (pieceBytes < STANDARD_BLOCK_BYTES || pieceBytes % STANDARD_BLOCK_BYTES !== 0) {
      throw new RangeError(`no torrent of ours has pieces of ${pieceBytes} bytes`);
    }
    const layout = new PieceLayout(blobBytes, pieceBytes, STANDARD_BLOCK_BYTES);
    const wire = new ConnectedWire({
      peer: this.#peer,
      facts,
      layout,
      blob: torrent,
      latencyMs: performance.now() - this.#startedAtMs,
      endConnection: () => endSocket(this.#socket),
      infoBytes: torrent.infoBytes,
      takeInfo: torrent.takeInfo,
    });
    wire.takeOver();
    return wire;
  }
}
