/**
 * What one client gets of an info dictionary (BEP 9): piece after piece as the line takes them, at the
 * pace of the port, and about twice the whole. Whoever needs more of it than that is refused.
 */
import {
  encodeMetadataAnswer,
  METADATA_PIECE_BYTES,
  refuseMetadata,
} from '../extension/metadata.ts';
import { METADATA_ROUNDS_MAX, SOCKET_BYTES_MAX } from '../limits.ts';

export type MetadataAnswersInput = {
  readonly infoBytes: Buffer;
  readonly send: (message: Buffer) => void;
  readonly unsentBytes: () => number;
  /** Resolves when so much may go out. @default at once */
  readonly take?: ((bytes: number, signal: AbortSignal) => Promise<void>) | undefined;
};

export class MetadataAnswers {
  readonly #input: MetadataAnswersInput;
  readonly #waiting: number[] = [];
  readonly #closing = new AbortController();
  #left: number;
  #isSending = false;

  constructor(input: MetadataAnswersInput) {
    this.#input = input;
    this.#left = METADATA_ROUNDS_MAX * Math.ceil(input.infoBytes.length / METADATA_PIECE_BYTES);
  }

  /** A refusal is no longer than its question. */
  answer(piece: number): void {
    const { infoBytes, send } = this.#input;
    const isThere = piece >= 0 && piece * METADATA_PIECE_BYTES < infoBytes.length;
    if (!isThere || this.#left === 0) {
      if (this.#input.unsentBytes() < SOCKET_BYTES_MAX) send(refuseMetadata(piece));
      return;
    }
    this.#left -= 1;
    this.#waiting.push(piece);
    this.pump();
  }

  /** The line may have room. */
  pump(): void {
    if (!this.#isSending) void this.#send();
  }

  close(): void {
    this.#closing.abort();
    this.#waiting.length = 0;
  }

  /** Never rejects. */
  async #send(): Promise<void> {
    const { infoBytes, send, unsentBytes, take } = this.#input;
    const { signal } = this.#closing;
    this.#isSending = true;
    try {
      while (unsentBytes() < SOCKET_BYTES_MAX) {
        const piece = this.#waiting.shift();
        if (piece === undefined) return;
        const message = encodeMetadataAnswer(infoBytes, piece);
        if (take !== undefined) await take(message.length, signal);
        if (signal.aborted) return;
        send(message);
      }
    } catch {
      // The wire is closed: nobody waits for it.
      this.#waiting.length = 0;
    } finally {
      this.#isSending = false;
    }
  }
}
