/**
 * What trackers want this host to make ready before it is wanted: PREHEATS_RUNNING_MAX images at a time, in
 * the order they were heard of, read at the priority `preheat`. Every tracker may tell of the same order; one
 * that a tracker does not name any more goes on, since a tracker that was started anew knows none.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PreheatOrder, PreheatProgress, ReportAnswer } from '../tracker/host-report.ts';
import { SHOWN_NAME_MAX } from '../tracker/limits.ts';
import { PREHEAT_SPREAD_MS_MAX, PREHEATS_KEPT_MAX, PREHEATS_RUNNING_MAX } from './limits.ts';

export type WarmCall = {
  readonly signal: AbortSignal;
  /** Bytes that are here, and bytes in all, as far as is known. */
  readonly onProgress: (bytesDone: number, bytesTotal: number) => void;
};

/** Fetches all of an image. */
export type WarmImage = (order: PreheatOrder, call: WarmCall) => Promise<void>;

type Preheat = {
  readonly order: PreheatOrder;
  readonly controller: AbortController;
  state: PreheatProgress['state'];
  bytesDone: number;
  bytesTotal: number;
  message: string | undefined;
  ended: Promise<void> | undefined;
};

export class Preheats implements AsyncDisposable {
  readonly #warm: WarmImage;
  /** By id, in the order they were heard of. */
  readonly #known = new Map<string, Preheat>();
  #running = 0;
  #isClosed = false;

  constructor(warm: WarmImage) {
    this.#warm = warm;
  }

  hear(answers: readonly ReportAnswer[]): void {
    for (const { preheats, cancelledPreheats } of answers) {
      for (const order of preheats) this.#add(order);
      for (const id of cancelledPreheats) this.#cancel(id);
    }
    this.#startNext();
  }

  progress(): PreheatProgress[] {
    return [...this.#known.values()].map((preheat) => {
      const { order, state, bytesDone, bytesTotal, message } = preheat;
      const { id, reference } = order;
      return {
        ...{ id, reference, state, bytesDone, bytesTotal },
        ...(message === undefined ? {} : { message }),
      };
    });
  }

  /** What runs is given up. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#known.values()];
    for (const { controller } of all) controller.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #add(order: PreheatOrder): void {
    if (this.#known.has(order.id) || !this.#makeRoom()) return;
    this.#known.set(order.id, {
      ...{ order, controller: new AbortController(), state: 'waiting' },
      ...{ bytesDone: 0, bytesTotal: 0, message: undefined, ended: undefined },
    });
  }

  /** The oldest that is over is forgotten. */
  #makeRoom(): boolean {
    if (this.#known.size < PREHEATS_KEPT_MAX) return true;
    for (const [id, { state }] of this.#known) {
      if (state === 'waiting' || state === 'running') continue;
      this.#known.delete(id);
      return true;
    }
    return false;
  }

  #cancel(id: string): void {
    const preheat = this.#known.get(id);
    if (preheat === undefined || (preheat.state !== 'waiting' && preheat.state !== 'running'))
      return;
    preheat.state = 'cancelled';
    preheat.controller.abort();
  }

  #startNext(): void {
    for (const preheat of this.#known.values()) {
      if (this.#isClosed || this.#running >= PREHEATS_RUNNING_MAX) return;
      if (preheat.state !== 'waiting') continue;
      this.#running += 1;
      preheat.state = 'running';
      preheat.ended = this.#run(preheat).finally(() => {
        this.#running -= 1;
        this.#startNext();
      });
    }
  }

  async #run(preheat: Preheat): Promise<void> {
    const { order, controller } = preheat;
    try {
      const { signal } = controller;
      await sleep(Math.random() * PREHEAT_SPREAD_MS_MAX, undefined, { signal });
      await this.#warm(order, {
        signal,
        onProgress: (bytesDone, bytesTotal) => {
          preheat.bytesDone = bytesDone;
          preheat.bytesTotal = bytesTotal;
        },
      });
      if (preheat.state === 'running') preheat.state = 'done';
    } catch (error) {
      if (preheat.state !== 'running') return;
      preheat.state = 'failed';
      preheat.message = shown(error);
    }
  }
}

/** As reports take it: short, without control characters. */
function shown(error: unknown): string {
  const text = error instanceof Error ? error.message : 'it failed';
  return text.replaceAll(/\p{Cc}/gu, ' ').slice(0, SHOWN_NAME_MAX);
}
