/** Bytes a second that go out to all standard clients together, in the order they were asked for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TokenBucket } from '../select/token-bucket.ts';

export class UploadLimit {
  readonly #bucket: TokenBucket;
  readonly #nowMs: () => number;
  #last: Promise<void> = Promise.resolve();

  constructor(bytesPerSecond: number, nowMs: () => number) {
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond });
    this.#nowMs = nowMs;
  }

  /** Resolves when so much may go out. Rejects with the reason of the signal, and others go on. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const before = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = turn.promise;
    try {
      await before;
      for (;;) {
        signal.throwIfAborted();
        const waitMs = this.#bucket.waitMs(bytes, this.#nowMs(), false);
        if (waitMs <= 0) break;
        await sleep(Math.ceil(waitMs), undefined, { signal });
      }
      this.#bucket.take(bytes, this.#nowMs());
    } finally {
      turn.resolve();
    }
  }
}
