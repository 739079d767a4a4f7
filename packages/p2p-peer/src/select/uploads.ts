/**
 * What a host sends to others: whom it promises a block (`UploadSlots`), and where a limit lets less out than
 * is wanted, whose turn it is. A block goes through here the same way wherever it is sent: accepted or refused,
 * promised when its bytes are here, sent in its turn or dropped. Clock passed in.
 */
import { type Upload, UploadSlots } from './upload-slots.ts';
import type { UploadTurn } from './upload-turns.ts';

/** The limit of what goes out. */
export type UploadLimit = {
  /** It would not wait for long. */
  hasRoom(turn: UploadTurn): boolean;
  /** It was told to ask again. */
  refused(turn: UploadTurn): void;
  /** Resolves when it may go out; rejects with what `refuse` gives, or with the reason of the signal. */
  take(turn: UploadTurn, signal: AbortSignal, refuse: () => Error): Promise<void>;
  /** Nobody has room from now on. */
  stop(): void;
};

export type UploadsInput = {
  /** @default none */
  readonly pace?: UploadLimit;
  readonly nowMs: () => number;
};

export class Uploads {
  readonly #slots = new UploadSlots();
  readonly #pace: UploadLimit | undefined;
  readonly #nowMs: () => number;

  constructor({ pace, nowMs }: UploadsInput) {
    this.#pace = pace;
    this.#nowMs = nowMs;
  }

  /** Promised, and neither sent nor dropped yet. */
  get bytes(): number {
    return this.#slots.bytes;
  }

  /** Whether one more is accepted; that its peer was refused is remembered. */
  accepts(upload: Upload): boolean {
    const nowMs = this.#nowMs();
    if (this.#pace?.hasRoom(upload) !== false && this.#slots.hasRoom(upload, nowMs)) return true;
    this.#pace?.refused(upload);
    this.#slots.refused(upload, nowMs);
    return false;
  }

  /** It is promised, until it is `sent` or `dropped`: one of them, once. */
  promise(upload: Upload): void {
    this.#slots.admit(upload, this.#nowMs());
  }

  /**
   * Resolves when it is its turn. Rejects with what `refuse` gives when others went before it for too long, or
   * with the reason of the signal; it is still promised then.
   */
  async take(upload: Upload, signal: AbortSignal, refuse: () => Error): Promise<void> {
    await this.#pace?.take(upload, signal, refuse);
  }

  /** It has left. */
  sent(upload: Upload): void {
    this.#slots.sent(upload, this.#nowMs());
  }

  /** It does not go out. */
  dropped(upload: Upload): void {
    this.#slots.dropped(upload);
  }

  /** No more is accepted; what is promised has its turn. */
  stop(): void {
    this.#pace?.stop();
  }
}
