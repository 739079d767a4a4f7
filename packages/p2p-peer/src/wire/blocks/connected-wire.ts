/** A wire whose handshakes are done, as this side uses it: what it asks for, and what it tells, of one blob. */
import type { ShoalError } from '@shoal/errors';
import type { HostFacts } from '../../identity/host.ts';
import { PIECE_BYTES } from '../../limits.ts';
import type { ByteRange } from '../../ranges/byte-range.ts';
import { RangeSet } from '../../ranges/range-set.ts';
import type { BlobWire, BlockRequestOptions, SharedBlob, WireFacts } from '../blob-wire.ts';
import { WireClosedError, WireRequestError } from '../errors.ts';
import { encodeAskHashes } from '../extension/ask-hashes.ts';
import { SHOAL_EXTENSION } from '../extension/message-type.ts';
import { encodeNeighbours } from '../extension/neighbours.ts';
import {
  HASHES_MAX,
  OUTSTANDING_REQUESTS_MAX,
  PEER_RANGES_MAX,
  STANDARD_OUTSTANDING_REQUESTS_MAX,
} from '../limits.ts';
import type { PeerWire } from '../messages/peer-wire.ts';
import { HashQuestions } from './hash-questions.ts';
import { type HeldTeller, PieceTeller, RangeTeller } from './held-tellers.ts';
import { IncomingMessages, type IncomingMessagesInput } from './incoming-messages.ts';
import type { PieceLayout } from './piece-layout.ts';
import { RequestQueue } from './request-queue.ts';
import { requestInBlocks } from './standard-blocks.ts';

export type ConnectedWireInput = {
  readonly peer: PeerWire;
  readonly facts: WireFacts;
  readonly layout: PieceLayout;
  readonly blob: SharedBlob;
  /** Until the first block has come. */
  readonly latencyMs: number;
  /** Ends the connection when it has had time to send what is begun. */
  readonly endConnection: () => Promise<void>;
} & Pick<IncomingMessagesInput, 'infoBytes' | 'takeInfo'>;

export class ConnectedWire implements BlobWire {
  readonly facts: WireFacts;
  readonly isOurs: boolean;
  readonly held = new RangeSet(PEER_RANGES_MAX);
  readonly closed: Promise<void>;
  readonly #resolveClosed: () => void;
  readonly #input: ConnectedWireInput;
  readonly #peer: PeerWire;
  readonly #layout: PieceLayout;
  readonly #requests: RequestQueue;
  readonly #questions: HashQuestions;
  readonly #teller: HeldTeller;
  readonly #messages: IncomingMessages;
  #closeReason: ShoalError | undefined;
  #ended: Promise<void> | undefined;

  constructor(input: ConnectedWireInput) {
    const { peer, facts, layout, blob, latencyMs, infoBytes, takeInfo } = input;
    this.#input = input;
    this.#peer = peer;
    this.#layout = layout;
    this.facts = facts;
    this.isOurs = facts.host !== undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    const sentMax = this.isOurs ? OUTSTANDING_REQUESTS_MAX : STANDARD_OUTSTANDING_REQUESTS_MAX;
    this.#requests = new RequestQueue(peer, latencyMs, sentMax);
    peer.paused(latencyMs);
    this.#questions = new HashQuestions((question) => {
      peer.sendExtension(SHOAL_EXTENSION, encodeAskHashes(question));
    });
    this.#teller = this.isOurs ? new RangeTeller(peer) : new PieceTeller(peer, layout);
    this.#messages = new IncomingMessages({
      ...{ wire: this, peer, layout, server: blob.server },
      ...{ requests: this.#requests, questions: this.#questions, infoBytes, takeInfo },
      onClosed: (error) => this.#onClosed(error),
    });
  }

  /** From now on what comes is for this wire. */
  takeOver(): void {
    this.#peer.pieceCount = this.#layout.pieceCount;
    this.#peer.handler = this.#messages;
  }

  /** What is said first, once both sides know each other. */
  begin(): void {
    this.#teller.tell(this.#input.blob.held());
    if (this.isOurs) this.#peer.unchoke();
    else this.#peer.interested();
  }

  get outstandingBytes(): number {
    return this.#requests.outstandingBytes;
  }

  get heardAtMs(): number {
    return this.#peer.heardAtMs;
  }

  get silentMs(): number {
    return this.#peer.silentMs;
  }

  get pauseMs(): number {
    return this.#peer.pauseMs;
  }

  get latencyMs(): number {
    return this.#requests.latencyMs;
  }

  get latencyP95Ms(): number {
    return this.#requests.latencyP95Ms;
  }

  get closeReason(): Error | undefined {
    return this.#closeReason;
  }

  async request(offset: number, length: number, options: BlockRequestOptions): Promise<Buffer> {
    this.#checkOpen();
    if (this.isOurs) return this.#requests.request(this.#layout.blockAt(offset, length), options);
    return requestInBlocks(offset, length, options, async (start, bytes, each) =>
      this.#requests.request(this.#layout.blockAt(start, bytes), each),
    );
  }

  tellHeld(ranges: readonly ByteRange[]): void {
    if (!this.#peer.isClosed) this.#teller.tell(ranges);
  }

  tellNeighbours(hosts: readonly HostFacts[]): void {
    if (this.#peer.isClosed || !this.isOurs || hosts.length === 0) return;
    this.#peer.sendExtension(SHOAL_EXTENSION, encodeNeighbours(hosts));
  }

  async askHashes(
    firstPiece: number,
    count: number,
    signal?: AbortSignal,
  ): Promise<readonly (Buffer | undefined)[]> {
    this.#checkOpen();
    const isInside = firstPiece >= 0 && firstPiece + count <= this.#layout.pieceCount;
    if (!isInside || count < 1 || count > HASHES_MAX) {
      const [offset, length] = [firstPiece * PIECE_BYTES, count * PIECE_BYTES];
      throw new WireRequestError(offset, length, 'nobody has hashes of these pieces');
    }
    if (!this.isOurs) return Array.from({ length: count }, () => undefined);
    return this.#questions.ask({ firstPiece, count }, signal);
  }

  async close(): Promise<void> {
    if (!this.#peer.isClosed) this.#peer.finish();
    this.#ended ??= this.#input.endConnection();
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #checkOpen(): void {
    if (this.#peer.isClosed) throw new WireClosedError({ cause: this.#closeReason });
  }

  #onClosed(error: ShoalError): void {
    this.#closeReason = error;
    const closed = new WireClosedError({ cause: error });
    this.#requests.close(closed);
    this.#questions.close(closed);
    this.#resolveClosed();
  }
}
