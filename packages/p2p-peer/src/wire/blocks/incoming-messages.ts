/** What the other side of a wire says once its handshakes are done: requests, answers, what it holds, whom it knows. */
import { errorCode, type ShoalError } from '@shoal/errors';
import type { HostFacts } from '../../identity/host.ts';
import type { ByteRange } from '../../ranges/byte-range.ts';
import type { BlobWire, WireServer } from '../blob-wire.ts';
import { WireLimitError, WireProtocolError, WireUnavailableError } from '../errors.ts';
import { decodeAskHashes, type HashQuestion } from '../extension/ask-hashes.ts';
import { decodeHashes, encodeHashes } from '../extension/hashes.ts';
import { decodeHaveRanges } from '../extension/have-ranges.ts';
import { malformed, SHOAL_EXTENSION, ShoalMessage } from '../extension/message-type.ts';
import { decodeMetadataQuestion, METADATA_EXTENSION } from '../extension/metadata.ts';
import { decodeNeighbours } from '../extension/neighbours.ts';
import { decodeUnavailable, encodeUnavailable } from '../extension/unavailable.ts';
import { decodeUrgency, FIRST_URGENCY, URGENCY_EXTENSION } from '../extension/urgency.ts';
import {
  NEIGHBOUR_MESSAGES_MAX,
  QUEUED_REQUESTS_MAX,
  STANDARD_BLOCK_BYTES,
  STANDARD_QUEUED_REQUESTS_MAX,
} from '../limits.ts';
import type { PeerWire } from '../messages/peer-wire.ts';
import type { PeerWireHandler } from '../messages/peer-wire-handler.ts';
import type { WireBlock } from '../wire-block.ts';
import type { HashQuestions } from './hash-questions.ts';
import { addHeld } from './held-tellers.ts';
import { MetadataAnswers } from './metadata-answers.ts';
import type { PieceLayout } from './piece-layout.ts';
import type { RequestQueue } from './request-queue.ts';
import { ServingQueue } from './serving-queue.ts';

export type IncomingMessagesInput = {
  /** Who says it, as the server knows him. */
  readonly wire: BlobWire;
  readonly peer: PeerWire;
  readonly layout: PieceLayout;
  readonly server: WireServer;
  /** What was asked on this side. */
  readonly requests: Pick<RequestQueue, 'pump'>;
  readonly questions: Pick<HashQuestions, 'answer'>;
  /** The info dictionary that standard clients may ask for. */
  readonly infoBytes?: Buffer | undefined;
  /** Resolves when so many bytes of it may go out. @default at once */
  readonly takeInfo?: ((bytes: number, signal: AbortSignal) => Promise<void>) | undefined;
  /** Nothing comes any more. */
  readonly onClosed: (error: ShoalError) => void;
};

export class IncomingMessages implements PeerWireHandler {
  readonly #input: IncomingMessagesInput;
  readonly #serving: ServingQueue;
  readonly #metadata: MetadataAnswers | undefined;
  #neighbourMessages = 0;
  /** Of the requests that come next. */
  #urgency = FIRST_URGENCY;

  constructor(input: IncomingMessagesInput) {
    this.#input = input;
    const { wire, peer, server, infoBytes, takeInfo: take } = input;
    this.#serving = new ServingQueue({
      requestsMax: wire.isOurs ? QUEUED_REQUESTS_MAX : STANDARD_QUEUED_REQUESTS_MAX,
      line: peer,
      serve: ({ start, length }, call) => server.serve(wire, start, length, call),
      refuse: (block, error) => this.#refuse(block, error),
      onSlow: () => {
        if (wire.isOurs && peer.unsentBytes === 0) peer.keepAlive();
      },
    });
    if (infoBytes !== undefined) {
      this.#metadata = new MetadataAnswers({
        ...{ infoBytes, take, unsentBytes: () => peer.unsentBytes },
        send: (message) => void peer.sendExtension(METADATA_EXTENSION, message),
      });
    }
  }

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
    const { layout, peer, questions } = this.#input;
    const [type] = body;
    if (type === ShoalMessage.haveRanges) {
      this.#onHeld(decodeHaveRanges(body, layout.blobBytes));
    } else if (type === ShoalMessage.askHashes) {
      this.#answerHashes(decodeAskHashes(body, layout.pieceCount));
    } else if (type === ShoalMessage.hashes) questions.answer(decodeHashes(body));
    else if (type === ShoalMessage.unavailable) {
      const block = decodeUnavailable(body);
      peer.refuse(block, new WireUnavailableError(block.offset, block.length));
    } else if (type === ShoalMessage.neighbours) this.#onNeighbours(decodeNeighbours(body));
    else throw malformed('of our extension', `it has type ${type}`);
  }

  #answerHashes({ firstPiece, count }: HashQuestion): void {
    const { server, wire, peer } = this.#input;
    const hashes = server.hashes(wire, firstPiece, count);
    peer.sendExtension(SHOAL_EXTENSION, encodeHashes({ firstPiece, count, hashes }));
  }

  #onNeighbours(hosts: readonly HostFacts[]): void {
    const { server, wire } = this.#input;
    this.#neighbourMessages += 1;
    if (!wire.isOurs || this.#neighbourMessages > NEIGHBOUR_MESSAGES_MAX) return;
    server.onNeighbours(wire, hosts);
  }

  #onHeld(ranges: readonly ByteRange[]): void {
    const { server, wire } = this.#input;
    addHeld(wire.held, ranges);
    server.onHeld(wire, ranges);
  }

  onHave(index: number): void {
    this.#onHeld([this.#input.layout.pieceRange(index)]);
  }

  /** Not only at first: aria2 sends one where it has many new pieces to tell. */
  onBitfield(bits: Buffer): void {
    this.#onHeld(this.#input.layout.rangesOfBitfield(bits));
  }

  onHaveAll(): void {
    const { blobBytes } = this.#input.layout;
    if (blobBytes > 0) this.#onHeld([{ start: 0, end: blobBytes }]);
  }

  onChoke(): void {}

  onUnchoke(): void {
    this.#input.requests.pump();
  }

  onInterested(): void {
    this.#input.peer.unchoke();
  }

  onRequest(block: WireBlock): void {
    const { wire, layout } = this.#input;
    if (!wire.isOurs && block.length > STANDARD_BLOCK_BYTES) {
      throw new WireLimitError('the length of a request', block.length, STANDARD_BLOCK_BYTES);
    }
    this.#serving.add(layout.checkBlock(block), this.#urgency);
  }

  onCancel(block: WireBlock): void {
    this.#serving.cancel(block);
  }

  /** Without the fast extension there is no way to say it: the other side waits, and asks others. */
  #refuse(block: WireBlock, error: unknown): void {
    const { wire, peer } = this.#input;
    const { index, offset, length } = block;
    if (wire.isOurs && errorCode(error) === 'ERR_P2P_PEER_UNAVAILABLE') {
      peer.sendExtension(SHOAL_EXTENSION, encodeUnavailable(block));
    } else if (peer.hasFast) peer.reject(index, offset, length);
  }

  onDrain(): void {
    this.#serving.pump();
    this.#metadata?.pump();
  }

  onClosed(error: ShoalError): void {
    this.#input.onClosed(error);
    this.#serving.close();
    this.#metadata?.close();
  }
}
