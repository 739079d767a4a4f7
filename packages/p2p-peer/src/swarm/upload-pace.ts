/**
 * The limit of what goes out to hosts: a token bucket, and who waits for it in the order of `UploadTurns`.
 * One that others have overtaken for long is sent away: it asks somebody else.
 */

import { TokenBucket } from '../select/token-bucket.ts';
import { type UploadTurn, UploadTurns } from '../select/upload-turns.ts';
import type { UploadLimit } from '../select/uploads.ts';
import {
  UPLOAD_LOOK_MS,
  UPLOAD_OVERTAKEN_MS_MAX,
  UPLOAD_REFUSED_KEPT_MS,
  UPLOAD_WAIT_MS_MAX,
} from './limits.ts';

export type UploadPaceOptions = {
  /** Infinity: no limit. */
  readonly bytesPerSecond: number;
  readonly nowMs: () => number;
};

type Waiting = UploadTurn & {
  readonly sinceMs: number;
  readonly go: () => void;
  readonly sendAway: () => void;
};

export class UploadPace implements UploadLimit {
  readonly #bytesPerSecond: number;
  readonly #nowMs: () => number;
  readonly #bucket: TokenBucket;
  readonly #turns = new UploadTurns<Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor({ bytesPerSecond, nowMs }: UploadPaceOptions) {
    this.#bytesPerSecond = bytesPerSecond;
    this.#nowMs = nowMs;
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond });
  }

  /** Nobody has room from now on; those who wait have their turn. */
  stop(): void {
    this.#isStopped = true;
  }

  /** It would not wait for long, nor take the room of somebody who was refused and has had less. */
  hasRoom(turn: UploadTurn): boolean {
    const waitMs = this.waitMs(turn);
    this.#turns.forgetRefused(this.#nowMs() - UPLOAD_REFUSED_KEPT_MS);
    if (waitMs > 0 && this.#turns.isAhead(turn.peer)) return false;
    return waitMs <= UPLOAD_WAIT_MS_MAX;
  }

  /** It was told so. */
  refused({ peer }: UploadTurn): void {
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) return;
    this.#turns.refused(peer, this.#nowMs());
  }

  /** How long it would wait, if nobody came who is more urgent. */
  waitMs(turn: UploadTurn): number {
    if (this.#isStopped) return Number.POSITIVE_INFINITY;
    const beforeMs = (this.#turns.bytesBefore(turn) / this.#bytesPerSecond) * 1000;
    return beforeMs + this.#bucket.waitMs(turn.bytes, this.#nowMs());
  }

  /**
   * Resolves when it may go out. Rejects with what `refuse` gives when others went before it for too long,
   * or with the reason of the signal; nothing is charged then.
   */
  async take(
    { peer, bytes, priority }: UploadTurn,
    signal: AbortSignal,
    refuse: () => Error,
  ): Promise<void> {
    signal.throwIfAborted();
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) return;
    const { promise, resolve: go, reject } = Promise.withResolvers<void>();
    const sendAway = () => reject(refuse());
    const waiting: Waiting = { peer, bytes, priority, sinceMs: this.#nowMs(), go, sendAway };
    const onAbort = () => {
      if (this.#turns.remove(waiting)) reject(signal.reason);
      this.#pump();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#turns.push(waiting);
    this.#pump();
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #pump(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const nowMs = this.#nowMs();
    for (;;) {
      const next = this.#turns.peek();
      if (next === undefined) return;
      const waitMs = this.#bucket.waitMs(next.bytes, nowMs);
      if (waitMs > 0) {
        this.#sendAwayOld(nowMs);
        this.#timer = setTimeout(() => this.#pump(), Math.min(waitMs, UPLOAD_OVERTAKEN_MS_MAX));
        return;
      }
      this.#bucket.take(next.bytes, nowMs);
      this.#turns.take(next);
      next.go();
    }
  }

  /** What a whole bucket is too small for waits as long as that takes, and is not overtaken. */
  #sendAwayOld(nowMs: number): void {
    if (nowMs - this.#lookedAtMs < UPLOAD_LOOK_MS) return;
    this.#lookedAtMs = nowMs;
    const next = this.#turns.peek();
    for (const waiting of [...this.#turns]) {
      if (waiting === next || nowMs - waiting.sinceMs < UPLOAD_OVERTAKEN_MS_MAX) continue;
      this.#turns.refused(waiting.peer, nowMs);
      if (this.#turns.remove(waiting)) waiting.sendAway();
    }
  }
}
