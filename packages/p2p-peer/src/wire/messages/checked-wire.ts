/**
 * What comes in on a wire: bittorrent-protocol's parser in linear time, with every length checked
 * before its bytes are kept, and every message before its handler hears of it.
 */
import type { ShoalError } from '@shoal/errors';
import Wire, { type WireRequest } from 'bittorrent-protocol';
import { parsePeerId } from '../../identity/peer-id.ts';
import { parseSwarmId } from '../../identity/swarm-id.ts';
import { blockMemory } from '../../kept-memory.ts';
import { WireProtocolError, WireRejectedError } from '../errors.ts';
import { decodeExtendedHandshake } from '../extension/extended-handshake.ts';
import type { WireBlock } from '../wire-block.ts';
import { IncomingBytes } from './incoming-bytes.ts';
import { MessageRecorder } from './message-recorder.ts';
import type { MessageLimits } from './message-sizes.ts';
import { checkMessage, checkMessageLength, MessageId, PIECE_HEAD_BYTES } from './message-sizes.ts';
import type { PeerWireHandler, PeerWireOptions } from './peer-wire-handler.ts';

export const LENGTH_BYTES = 4;

export abstract class CheckedWire extends Wire {
  /** Who is told of messages; another one takes over when the handshakes are done. */
  handler: PeerWireHandler;
  /** Pieces of the blob, once it is known which. */
  pieceCount: number | undefined;
  protected readonly recorder: MessageRecorder;
  protected readonly incoming = new IncomingBytes();
  /** Requests that were cancelled and not answered yet: their blocks may still come. */
  protected readonly cancelled: WireRequest[] = [];
  /** Name of an extension to the other side's number of it. */
  protected peerExtensionNumbers: ReadonlyMap<string, number> = new Map();
  readonly #blockBytesMax: number;
  /** What comes next are the bytes of a block. */
  #isBlockNext = false;

  constructor(options: PeerWireOptions) {
    super();
    this.handler = options.handler;
    this.recorder = new MessageRecorder(options.log);
    this.#blockBytesMax = options.blockBytesMax;
    options.extensions.forEach((name, index) => {
      this.extendedMapping[index + 1] = name;
    });
  }

  /** Whether messages that have come may be taken now. */
  protected abstract get mayRead(): boolean;

  /** Takes whole messages of what has come. Throws what is wrong with them, as coded errors. */
  protected readMessages(): void {
    while (this.mayRead) {
      const bytes = this.incoming.take(this._parserSize, this.#isBlockNext);
      if (bytes === undefined) return;
      this._parser(bytes);
    }
  }

  #limits(): MessageLimits {
    return { blockBytesMax: this.#blockBytesMax, pieceCount: this.pieceCount };
  }

  protected override _onMessageLength(bytes: Buffer): void {
    const length = bytes.readUInt32BE(0);
    if (length === 0) {
      this._parse(LENGTH_BYTES, this._onMessageLength);
      return;
    }
    checkMessageLength(length, this.#limits());
    this._parse(Math.min(length, PIECE_HEAD_BYTES), (head) => this.#onMessageHead(head, length));
  }

  /** A block's bytes go where they stay; other messages are short, and go on together. */
  #onMessageHead(head: Buffer, length: number): void {
    const id = head[0] ?? 0;
    checkMessage(id, length, this.#limits());
    if (id === MessageId.piece) this.#onBlockHead(head, length - PIECE_HEAD_BYTES);
    else if (head.length === length) this._onMessage(head);
    else {
      const begun = Buffer.from(head);
      this._parse(length - head.length, (rest) => this._onMessage(Buffer.concat([begun, rest])));
    }
  }

  #onBlockHead(head: Buffer, length: number): void {
    const index = head.readUInt32BE(1);
    const offset = head.readUInt32BE(5);
    this.#checkAsked({ index, offset, length });
    this.#isBlockNext = true;
    this._parse(length, (bytes) => {
      this.#isBlockNext = false;
      this._parse(LENGTH_BYTES, this._onMessageLength);
      this.#onBlock({ index, offset, length }, bytes);
    });
  }

  protected override _onMessage(message: Buffer): void {
    if (message[0] !== MessageId.extended) this.recorder.whole('in', message);
    super._onMessage(message);
  }

  /** Before its bytes are kept. */
  #checkAsked({ index, offset, length }: WireBlock): void {
    const isIt = (request: WireRequest) =>
      request.piece === index && request.offset === offset && request.length === length;
    if (this.requests.some(isIt) || this.cancelled.some(isIt)) return;
    throw new WireProtocolError(`${length} bytes at ${offset} of piece ${index} came unasked`);
  }

  #onBlock({ index, offset, length }: WireBlock, bytes: Buffer): void {
    this.recorder.message('in', MessageId.piece, [index, offset], bytes);
    const request = this._pull(this.requests, index, offset, length);
    if (request !== null) request.callback(null, bytes);
    else {
      this._pull(this.cancelled, index, offset, length);
      blockMemory.give(bytes);
    }
  }

  /**
   * A request is refused, by whatever message. An answer to a cancelled request comes before that of
   * the same one asked again.
   */
  refuse({ index, offset, length }: WireBlock, error: ShoalError): void {
    if (this._pull(this.cancelled, index, offset, length) !== null) return;
    const request = this._pull(this.requests, index, offset, length);
    if (request === null) throw new WireProtocolError('a reject of what nobody asked');
    request.callback(error, null);
  }

  protected override _onReject(piece: number, offset: number, length: number): void {
    if (!this.hasFast) throw new WireProtocolError('a reject without the fast extension');
    const block = { index: piece >>> 0, offset: offset >>> 0, length: length >>> 0 };
    this.refuse(block, new WireRejectedError(block.offset, block.length));
  }

  protected override _onHandshake(
    infoHash: Uint8Array,
    peerId: Uint8Array,
    extensions: { readonly fast: boolean; readonly extended: boolean },
  ): void {
    const swarm = parseSwarmId(Buffer.from(infoHash).toString('hex'));
    const peer = parsePeerId(Buffer.from(peerId).toString('hex'));
    this.recorder.handshake('in', swarm, peer);
    super._onHandshake(infoHash, peerId, extensions);
    this.handler.onHandshake(swarm, peer, extensions);
  }

  protected override _onChoke(): void {
    super._onChoke();
    this.handler.onChoke();
  }

  protected override _onUnchoke(): void {
    super._onUnchoke();
    this.handler.onUnchoke();
  }

  protected override _onInterested(): void {
    this.handler.onInterested();
  }

  protected override _onHave(index: number): void {
    this.handler.onHave(index >>> 0);
  }

  protected override _onBitField(bits: Buffer): void {
    this.handler.onBitfield(bits);
  }

  protected override _onHaveAll(): void {
    if (!this.hasFast) throw new WireProtocolError('have-all without the fast extension');
    this.handler.onHaveAll();
  }

  protected override _onHaveNone(): void {
    if (!this.hasFast) throw new WireProtocolError('have-none without the fast extension');
  }

  protected override _onRequest(index: number, offset: number, length: number): void {
    this.handler.onRequest({ index: index >>> 0, offset: offset >>> 0, length: length >>> 0 });
  }

  protected override _onCancel(index: number, offset: number, length: number): void {
    this.handler.onCancel({ index: index >>> 0, offset: offset >>> 0, length: length >>> 0 });
  }

  /** Hints that nobody here follows. */
  protected override _onSuggest(): void {}

  protected override _onAllowedFast(): void {}

  protected override _onExtended(id: number, body: Buffer): void {
    const name = id === 0 ? 'handshake' : this.extendedMapping[id];
    this.recorder.extended('in', name, body);
    if (name === undefined) return;
    if (id !== 0) {
      this.handler.onExtension(name, body);
      return;
    }
    const handshake = decodeExtendedHandshake(body);
    this.peerExtensionNumbers = handshake.extensions;
    this.handler.onExtendedHandshake(handshake);
  }
}
