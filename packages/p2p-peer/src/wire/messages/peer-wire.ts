/**
 * The BitTorrent wire of one connection (BEP 3, 6, 10): bittorrent-protocol's, which reads and writes
 * messages, made safe for strangers. It speaks to its socket itself, reads no further while too much
 * is unsent, and closes on the first message that breaks a rule. What messages mean is its handler's
 * business.
 */
import type { Socket } from 'node:net';
import type { Priority } from '@shoal/blob-store';
import { ShoalError } from '@shoal/errors';
import type { PeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import type { BencodeValue } from '../../torrent/bencode.ts';
import { encodeBencode } from '../../torrent/bencode.ts';
import type { BlockGone } from '../blob-wire.ts';
import { WireClosedError, WireProtocolError } from '../errors.ts';
import { encodeUrgency, URGENCY_EXTENSION } from '../extension/urgency.ts';
import { CANCELLED_REQUESTS_MAX, UNSENT_BYTES_MAX } from '../limits.ts';
import type { WireBlock } from '../wire-block.ts';
import { CheckedWire, LENGTH_BYTES } from './checked-wire.ts';
import { LineWatch } from './line-watch.ts';
import { MessageId } from './message-sizes.ts';
import type { PeerWireOptions } from './peer-wire-handler.ts';

const NOTHING = Buffer.alloc(0);

export class PeerWire extends CheckedWire {
  readonly #socket: Socket;
  readonly #extendedHandshake: () => ReadonlyMap<string, BencodeValue>;
  readonly #watch: LineWatch;
  /** More is unsent than one peer may cost: nothing is read until it has gone. */
  #isFull = false;
  #isClosed = false;
  #isHeldBack = false;
  /** Of the block that is being written. */
  #onBlockGone: BlockGone | undefined;

  constructor(socket: Socket, options: PeerWireOptions) {
    super(options);
    this.#socket = socket;
    this.#extendedHandshake = options.extendedHandshake;
    this.#watch = new LineWatch(socket, {
      keepAlive: () => this.keepAlive(),
      fail: (error) => this.fail(error),
    });
    socket.setNoDelay(true);
    if (options.feed === undefined) socket.on('data', (bytes: Buffer) => this.receive(bytes));
    else options.feed.open(socket, (bytes) => this.receive(bytes));
    socket.on('drain', () => this.#onDrain());
    socket.on('error', (error) => this.#shut(new WireClosedError({ cause: error })));
    socket.on('end', () => this.#shut(new WireClosedError()));
    socket.on('close', () => this.#shut(new WireClosedError()));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** When any byte last came, be it of a keep-alive; clock of `performance.now()`. */
  get heardAtMs(): number {
    return this.#watch.heardAtMs;
  }

  /** How long it has been silent now although it owes an answer. */
  get silentMs(): number {
    return this.#watch.silentMs(performance.now());
  }

  /** How long it was silent of late while it owed answers, and lived. */
  get pauseMs(): number {
    return this.#watch.pauseMs(performance.now());
  }

  /** It has taken so long for something else than requests. */
  paused(ms: number): void {
    this.#watch.paused(ms, performance.now());
  }

  /** Bytes that were written and that nobody has read yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Whether more may be asked: not while the other side owes many answers to cancelled requests. */
  get mayAsk(): boolean {
    return !this.#isClosed && !this.peerChoking && this.cancelled.length < CANCELLED_REQUESTS_MAX;
  }

  protected override get mayRead(): boolean {
    return !this.#isClosed && !this.#isFull;
  }

  /** Bytes as they come from the socket; their memory may be used again afterwards. */
  receive(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#watch.heard();
    this.incoming.push(bytes);
    this.#socket.cork();
    try {
      this.readMessages();
    } catch (error) {
      this.fail(error instanceof ShoalError ? error : new WireClosedError({ cause: error }));
    } finally {
      this.incoming.keep();
      this.#watch.owes(this.requests.length > 0);
      this.#socket.uncork();
    }
  }

  /** As the base class does. */
  override request(...question: Parameters<CheckedWire['request']>): void {
    this.#holdBack();
    super.request(...question);
    this.#watch.owes(this.requests.length > 0);
  }

  /** Both handshakes at once, to one who is known to understand: saves a round trip. */
  handshakeAhead(swarmId: SwarmId, peerId: PeerId): void {
    this.handshake(swarmId, peerId, { fast: true });
    if (this._extendedHandshakeSent !== true) this._sendExtendedHandshake();
  }

  /** False where the other side does not know the extension, and then nothing is sent. */
  sendExtension(name: string, body: Buffer): boolean {
    const id = this.peerExtensionNumbers.get(name);
    if (id === undefined) return false;
    this.extended(id, body);
    return true;
  }

  /** Of the requests that follow. False where the other side does not know it. */
  tellUrgency(priority: Priority): boolean {
    this.#holdBack();
    return this.sendExtension(URGENCY_EXTENSION, encodeUrgency(priority));
  }

  /** `onGone` is called once, whatever becomes of it. */
  sendBlock(index: number, offset: number, bytes: Uint8Array, onGone?: BlockGone): void {
    if (this.#isClosed) onGone?.(false);
    else {
      this.#onBlockGone = onGone;
      this.piece(index, offset, bytes);
      this.#onBlockGone = undefined;
    }
  }

  /** Its callback is not called any more; a block that comes for it is dropped. */
  cancelRequest({ index, offset, length }: WireBlock): void {
    const request = this._pull(this.requests, index, offset, length);
    if (request === null) return;
    this.cancelled.push(request);
    // Without the fast extension a dropped request is never answered.
    if (!this.hasFast && this.cancelled.length >= CANCELLED_REQUESTS_MAX) this.cancelled.shift();
    this._message(MessageId.cancel, [index, offset, length], null);
  }

  /** Closes at once: the handler and all requests hear of the error. */
  fail(error: ShoalError): void {
    this.#shut(error);
    this.#socket.destroy();
  }

  /** Takes no more and sends what is begun; the other side then sees the end. */
  finish(): void {
    this.#shut(new WireClosedError());
    this.#socket.end();
  }

  /** What the base class does when it has seen enough. */
  override destroy(): this {
    this.fail(new WireProtocolError('it speaks no BitTorrent'));
    return this;
  }

  override end(): this {
    return this.destroy();
  }

  /** What is asked in one turn goes out in one write. */
  #holdBack(): void {
    if (this.#isHeldBack) return;
    this.#isHeldBack = true;
    this.#socket.cork();
    process.nextTick(() => {
      this.#isHeldBack = false;
      this.#socket.uncork();
    });
  }

  #onDrain(): void {
    if (this.#isClosed) return;
    if (this.#isFull) {
      this.#isFull = false;
      this.#socket.resume();
      this.receive(NOTHING);
    }
    this.handler.onDrain();
  }

  #shut(error: ShoalError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this._finished = true;
    this.#watch.close();
    this.incoming.clear();
    this.cancelled.length = 0;
    const closed = error instanceof WireClosedError ? error : new WireClosedError({ cause: error });
    for (const { callback } of this.requests.splice(0)) callback(closed, null);
    this.handler.onClosed(error);
    // What still comes is of no use, but a socket that is not read never sees the end.
    this.#socket.resume();
  }

  protected override _debug(): void {}

  protected override _push(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    this.recorder.written(bytes);
    this.#write(bytes);
  }

  protected override _message(
    id: number,
    numbers: readonly number[],
    body: Uint8Array | null,
  ): void {
    if (this.#isClosed) return;
    const head = Buffer.allocUnsafe(LENGTH_BYTES + 1 + 4 * numbers.length);
    head.writeUInt32BE(head.length - LENGTH_BYTES + (body?.length ?? 0), 0);
    head[LENGTH_BYTES] = id;
    numbers.forEach((number, index) => {
      head.writeUInt32BE(number, LENGTH_BYTES + 1 + 4 * index);
    });
    this.recorder.message('out', id, numbers, body);
    this.#socket.cork();
    this.#write(head);
    if (body !== null) this.#write(body, this.#onBlockGone);
    this.#socket.uncork();
  }

  /** An empty write would make TLS read on at once, into the memory of what is being read. */
  #write(bytes: Uint8Array, onGone?: BlockGone): void {
    if (bytes.length === 0) {
      onGone?.(!this.#isClosed);
      return;
    }
    this.#socket.write(bytes, (error) => {
      this.#watch.onWritten();
      // The write that a destroyed socket was at ends without an error.
      onGone?.((error ?? undefined) === undefined && !this.#socket.destroyed);
    });
    if (this.#isFull || this.#socket.writableLength <= UNSENT_BYTES_MAX) return;
    this.#isFull = true;
    this.#socket.pause();
  }

  protected override _sendExtendedHandshake(): void {
    const m = new Map<string, BencodeValue>();
    for (const [id, name] of Object.entries(this.extendedMapping)) m.set(name, Number(id));
    this.extended(0, encodeBencode(new Map([...this.#extendedHandshake(), ['m', m]])));
    this._extendedHandshakeSent = true;
  }

  protected override _write(bytes: Uint8Array, done: (error: Error | null) => void): void {
    this.receive(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    done(null);
  }
}
