/** A wire whose handshakes are done: requests, answers, holdings and hashes of one blob. */
import { errorCode, type ShoalError } from '@shoal/errors';
import type { HostFacts } from '../identity/host.ts';
import { PIECE_BYTES, STANDARD_BLOCK_BYTES } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { BlobWire, BlockRequestOptions, SharedBlob, WireFacts } from './blob-wire.ts';
import {
  WireClosedError,
  WireLimitError,
  WireProtocolError,
  WireRequestError,
  WireUnavailableError,
} from './errors.ts';
import { decodeAskHashes, encodeAskHashes, type HashQuestion } from './extension/ask-hashes.ts';
import { decodeHashes, encodeHashes } from './extension/hashes.ts';
import { decodeHaveRanges } from './extension/have-ranges.ts';
import { malformed, SHOAL_EXTENSION, ShoalMessage } from './extension/message-type.ts';
import { decodeMetadataQuestion, METADATA_EXTENSION } from './extension/metadata.ts';
import { decodeNeighbours, encodeNeighbours } from './extension/neighbours.ts';
import { decodeUnavailable, encodeUnavailable } from './extension/unavailable.ts';
import { decodeUrgency, FIRST_URGENCY, URGENCY_EXTENSION } from './extension/urgency.ts';
import { HashQuestions } from './hash-questions.ts';
import { addHeld, type HeldTeller, PieceTeller, RangeTeller } from './held-tellers.ts';
import {
  HASHES_MAX,
  NEIGHBOUR_MESSAGES_MAX,
  OUTSTANDING_REQUESTS_MAX,
  PEER_RANGES_MAX,
  QUEUED_REQUESTS_MAX,
  STANDARD_OUTSTANDING_REQUESTS_MAX,
  STANDARD_QUEUED_REQUESTS_MAX,
} from './limits.ts';
import { MetadataAnswers } from './metadata-answers.ts';
import type { PeerWire } from './peer-wire.ts';
import type { PeerWireHandler } from './peer-wire-handler.ts';
import type { PieceLayout } from './piece-layout.ts';
import { RequestQueue } from './request-queue.ts';
import { ServingQueue } from './serving-queue.ts';
import { requestInBlocks } from './standard-blocks.ts';
import type { WireBlock } from './wire-block.ts';

export type ConnectedWireInput = {
  readonly peer: PeerWire;
  readonly facts: WireFacts;
  readonly layout: PieceLayout;
  readonly blob: SharedBlob;
  /** Until the first block has come. */
  readonly latencyMs: number;
  /** Ends the connection when it has had time to send what is begun. */
  readonly endConnection: () => Promise<void>;
  /** The info dictionary that standard clients may ask for. */
  readonly infoBytes?: Buffer | undefined;
  /** Resolves when so many bytes of it may go out. @default at once */
  readonly takeInfo?: ((bytes: number, signal: AbortSignal) => Promise<void>) | undefined;
};

export class ConnectedWire implements BlobWire, PeerWireHandler {
  readonly facts: WireFacts;
  readonly isOurs: boolean;
  readonly held = new RangeSet(PEER_RANGES_MAX);
  readonly closed: Promise<void>;
  readonly #resolveClosed: () => void;
  readonly #input: ConnectedWireInput;
  readonly #peer: PeerWire;
  readonly #layout: PieceLayout;
  readonly #requests: RequestQueue;
  readonly #serving: ServingQueue;
  readonly #questions: HashQuestions;
  readonly #teller: HeldTeller;
  readonly #metadata: MetadataAnswers | undefined;
  #neighbourMessages = 0;
  /** Of the requests that come next. */
  #urgency = FIRST_URGENCY;
  #closeReason: ShoalError | undefined;
  #ended: Promise<void> | undefined;

  constructor(input: ConnectedWireInput) {
    const { peer, facts, layout, blob, latencyMs } = input;
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
    this.#serving = new ServingQueue({
      requestsMax: this.isOurs ? QUEUED_REQUESTS_MAX : STANDARD_QUEUED_REQUESTS_MAX,
      line: peer,
      serve: ({ start, length }, call) => blob.server.serve(this, start, length, call),
      refuse: (block, error) => this.#refuse(block, error),
      onSlow: () => {
        if (this.isOurs && peer.unsentBytes === 0) peer.keepAlive();
      },
    });
    this.#questions = new HashQuestions((question) => {
      peer.sendExtension(SHOAL_EXTENSION, encodeAskHashes(question));
    });
    const { infoBytes, takeInfo: take } = input;
    if (infoBytes !== undefined) {
      this.#metadata = new MetadataAnswers({
        ...{ infoBytes, take, unsentBytes: () => peer.unsentBytes },
        send: (message) => void peer.sendExtension(METADATA_EXTENSION, message),
      });
    }
    this.#teller = this.isOurs ? new RangeTeller(peer) : new PieceTeller(peer, layout);
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

  /** Without the fast extension there is no way to say it: the other side waits, and asks others. */
  #refuse(block: WireBlock, error: unknown): void {
    const { index, offset, length } = block;
    if (this.isOurs && errorCode(error) === 'ERR_P2P_PEER_UNAVAILABLE') {
      this.#peer.sendExtension(SHOAL_EXTENSION, encodeUnavailable(block));
    } else if (this.#peer.hasFast) this.#peer.reject(index, offset, length);
  }

  #checkOpen(): void {
    if (this.#peer.isClosed) throw new WireClosedError({ cause: this.#closeReason });
  }

  // ---- what comes from the other side ----

  onHandshake(): void {
    throw new WireProtocolError('a second handshake');
  }

  /** A later one changes numbers of extensions only. */
  onExtendedHandshake(): void {}

  onExtension(name: string, body: Buffer): void {
    if (name === SHOAL_EXTENSION) this.#onShoalMessage(body);
    else if (name === URGENCY_EXTENSION) this.#urgency = decodeUrgency(body);
    else if (name === METADATA_EXTENSION && this.#metadata !== undefined) {
      const piece = decodeMetadataQuestion(body);
      if (piece !== undefined) this.#metadata.answer(piece);
    }
  }

  #onShoalMessage(body: Buffer): void {
    const [type] = body;
    if (type === ShoalMessage.haveRanges) {
      this.#onHeld(decodeHaveRanges(body, this.#layout.blobBytes));
    } else if (type === ShoalMessage.askHashes) {
      this.#answerHashes(decodeAskHashes(body, this.#layout.pieceCount));
    } else if (type === ShoalMessage.hashes) this.#questions.answer(decodeHashes(body));
    else if (type === ShoalMessage.unavailable) {
      const block = decodeUnavailable(body);
      this.#peer.refuse(block, new WireUnavailableError(block.offset, block.length));
    } else if (type === ShoalMessage.neighbours) this.#onNeighbours(decodeNeighbours(body));
    else throw malformed('of our extension', `it has type ${type}`);
  }

  #answerHashes({ firstPiece, count }: HashQuestion): void {
    const hashes = this.#input.blob.server.hashes(this, firstPiece, count);
    this.#peer.sendExtension(SHOAL_EXTENSION, encodeHashes({ firstPiece, count, hashes }));
  }

  #onNeighbours(hosts: readonly HostFacts[]): void {
    this.#neighbourMessages += 1;
    if (!this.isOurs || this.#neighbourMessages > NEIGHBOUR_MESSAGES_MAX) return;
    this.#input.blob.server.onNeighbours(this, hosts);
  }

  #onHeld(ranges: readonly ByteRange[]): void {
    addHeld(this.held, ranges);
    this.#input.blob.server.onHeld(this, ranges);
  }

  onHave(index: number): void {
    this.#onHeld([this.#layout.pieceRange(index)]);
  }

  /** Not only at first: aria2 sends one where it has many new pieces to tell. */
  onBitfield(bits: Buffer): void {
    this.#onHeld(this.#layout.rangesOfBitfield(bits));
  }

  onHaveAll(): void {
    const { blobBytes } = this.#layout;
    if (blobBytes > 0) this.#onHeld([{ start: 0, end: blobBytes }]);
  }

  onChoke(): void {}

  onUnchoke(): void {
    this.#requests.pump();
  }

  onInterested(): void {
    this.#peer.unchoke();
  }

  onRequest(block: WireBlock): void {
    if (!this.isOurs && block.length > STANDARD_BLOCK_BYTES) {
      throw new WireLimitError('the length of a request', block.length, STANDARD_BLOCK_BYTES);
    }
    this.#serving.add(this.#layout.checkBlock(block), this.#urgency);
  }

  onCancel(block: WireBlock): void {
    this.#serving.cancel(block);
  }

  onDrain(): void {
    this.#serving.pump();
    this.#metadata?.pump();
  }

  onClosed(error: ShoalError): void {
    this.#closeReason = error;
    const closed = new WireClosedError({ cause: error });
    this.#requests.close(closed);
    this.#questions.close(closed);
    this.#serving.close();
    this.#metadata?.close();
    this.#resolveClosed();
  }
}
