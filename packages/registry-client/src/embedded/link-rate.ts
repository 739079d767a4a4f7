/**
 * A link of limited speed that all answers of one registry share.
 */
import { setTimeout as sleep } from 'node:timers/promises';

const PIECE_BYTES = 32 << 10;

export class LinkRate {
  readonly #bytesPerSecondMax: number;
  /** When the link is free again, on the clock of `performance.now()`. */
  #freeAtMs = 0;

  constructor(bytesPerSecondMax: number) {
    this.#bytesPerSecondMax = bytesPerSecondMax;
  }

  /** Hands small pieces on, each when the link has carried it. */
  async *carry(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
    for await (const piece of pieces) {
      for (let start = 0; start < piece.byteLength; start += PIECE_BYTES) {
        const part = piece.subarray(start, start + PIECE_BYTES);
        await this.#book(part.byteLength);
        yield part;
      }
    }
  }

  async #book(bytes: number): Promise<void> {
    const nowMs = performance.now();
    this.#freeAtMs = Math.max(nowMs, this.#freeAtMs) + (bytes * 1000) / this.#bytesPerSecondMax;
    const waitMs = this.#freeAtMs - nowMs;
    if (waitMs >= 1) await sleep(waitMs);
  }
}
