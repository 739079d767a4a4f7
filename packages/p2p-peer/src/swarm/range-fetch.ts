/**
 * Carries out the read of one range: what `RangeRead` decides is done here, on wires, at the origin
 * and by timers, and what comes of it is told to it. The first answer for a byte is the one that
 * counts; later ones are counted as moved, and dropped. What the origin gives counts as it comes where
 * somebody wants it so.
 */
import type { Priority } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import { blockMemory, readMemory } from '../kept-memory.ts';
import type { BlockOutcome } from '../peer-counts.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import { RangeRead } from '../select/range-read.ts';
import type { AskReason, CancelReason, ReadAction } from '../select/read-action.ts';
import { OWN_PAUSE_MS_MAX, OWN_PAUSE_MS_MIN } from './limits.ts';
import type { AskFailure, RangeFetchInput, Sender } from './range-fetch-input.ts';

/** One for all: to make an error costs more than to ask for a block. */
const OVER = new DOMException('nobody waits for it any more', 'AbortError');

export type RangeFetchOptions = {
  readonly signal: AbortSignal;
  readonly priority: () => Priority;
};

export class RangeFetch {
  readonly #input: RangeFetchInput;
  readonly #read: RangeRead;
  readonly #bytes: Buffer;
  readonly #filled = new RangeSet();
  readonly #options: RangeFetchOptions;
  /** Of the asks under way, by peer and first byte. */
  readonly #asks = new Map<string, AbortController>();
  /** Ends reads of the origin. */
  readonly #origin = new AbortController();
  readonly #outcome = Promise.withResolvers<Buffer>();
  #timer: NodeJS.Timeout | undefined;
  #originError: unknown;
  #isOver = false;

  constructor(range: ByteRange, input: RangeFetchInput, options: RangeFetchOptions) {
    this.#input = input;
    this.#options = options;
    const isDemand = () => options.priority() === 'demand';
    this.#read = new RangeRead(range, input.view, { isDemand, ...input.policy });
    this.#bytes = input.memory ?? Buffer.allocUnsafeSlow(rangeBytes(range));
  }

  /** Once. Rejects with the origin's error when nobody has the bytes, or with the signal's reason. */
  async run(): Promise<Buffer> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    const giveUp = () => this.#outcome.reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      this.#do(this.#read.start(this.#input.nowMs()));
      return await this.#outcome.promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
      this.#end();
    }
  }

  /** Somebody has come, or has told that it holds more. */
  holdersChanged(range?: ByteRange): void {
    this.#do(this.#read.holdersChanged(this.#input.nowMs(), range));
  }

  /** What it took to come says how long to wait for others: that is looked at anew. */
  joined(peer: PeerId): void {
    this.#do(this.#read.joined(peer, this.#input.nowMs()));
    this.#tickSoon();
  }

  /** It has lied. */
  dismiss(peer: PeerId): void {
    this.#do(this.#read.dismissed(peer, this.#input.nowMs()));
  }

  lost(peer: PeerId): void {
    this.#do(this.#read.lost(peer, this.#input.nowMs()));
  }

  #do(actions: readonly ReadAction[]): void {
    for (const action of actions) {
      switch (action.kind) {
        case 'ask':
          void this.#ask(action.peer, action.range, action.reason);
          break;
        case 'cancel':
          this.#cancel(action.peer, action.range, action.reason);
          break;
        case 'origin':
          void this.#readOrigin(action.range);
          break;
        case 'wake':
          this.#wakeAt(action.atMs);
          break;
        case 'fail':
          this.#outcome.reject(this.#originError);
          break;
      }
    }
    if (this.#read.isDone) this.#outcome.resolve(this.#bytes);
  }

  async #ask(peer: PeerId, range: ByteRange, reason: AskReason): Promise<void> {
    const key = keyOf(peer, range);
    const controller = new AbortController();
    this.#asks.set(key, controller);
    const { ask, failureOf, nowMs, counts } = this.#input;
    counts.asked(reason);
    try {
      const priority = this.#options.priority();
      const bytes = await ask(peer, range, { signal: controller.signal, priority });
      this.#ended(key, controller, 'answered');
      this.#arrived(peer, range, bytes);
    } catch (error) {
      // Whoever cancelled knows.
      if (controller.signal.aborted) return;
      const failure = failureOf(error, peer);
      this.#ended(key, controller, outcomeOf(failure));
      if (failure.kind === 'lost') this.#do(this.#read.lost(peer, nowMs()));
      else this.#do(this.#read.refused(peer, range, nowMs(), failure.reason));
    }
  }

  /** Once for each ask. */
  #ended(key: string, controller: AbortController, outcome: BlockOutcome): void {
    if (this.#asks.get(key) !== controller) return;
    this.#asks.delete(key);
    this.#input.counts.ended(outcome);
  }

  #cancel(peer: PeerId, range: ByteRange, reason: CancelReason): void {
    const key = keyOf(peer, range);
    const controller = this.#asks.get(key);
    if (controller !== undefined) {
      this.#ended(key, controller, reason === 'answered' ? 'overtaken' : reason);
      controller.abort(OVER);
    }
    if (reason === 'late' || reason === 'silent') this.#input.onGivenUp(peer, reason);
  }

  async #readOrigin(range: ByteRange): Promise<void> {
    const { readOrigin, memory, nowMs } = this.#input;
    const { signal } = this.#origin;
    const { priority } = this.#options;
    const onBytes = (offset: number, bytes: Buffer) => this.#begun(range, offset, bytes);
    const reading = memory === undefined ? {} : { onBytes };
    const room = readMemory.take(rangeBytes(range));
    try {
      this.#arrived(
        'origin',
        range,
        await readOrigin(range, { signal, priority, memory: room, ...reading }),
      );
    } catch (error) {
      if (signal.aborted) return;
      this.#originError = error;
      this.#do(this.#read.originFailed(range, nowMs()));
    }
  }

  /**
   * Bytes of a read of the origin that goes on. Told again after another try they replace nothing: the
   * first may have gone out already. The decisions hear of them when the read has ended.
   */
  #begun(range: ByteRange, offset: number, bytes: Buffer): void {
    const [start, end] = [Math.max(offset, range.start), offset + bytes.length];
    const told = { start, end: Math.min(end, range.end) };
    if (this.#isOver || told.start >= told.end) return;
    for (const part of this.#filled.missing(told)) {
      const from = part.start - offset;
      const at = part.start - this.#read.range.start;
      bytes.copy(this.#bytes, at, from, from + rangeBytes(part));
      this.#filled.add(part);
      void this.#input.onBytes('origin', part, this.#bytes.subarray(at, at + rangeBytes(part)));
    }
  }

  #arrived(sender: Sender, range: ByteRange, bytes: Buffer): void {
    const uses = this.#read.isDone ? [] : this.#take(sender, range, bytes);
    void Promise.all(uses).then(() => (sender === 'origin' ? readMemory : blockMemory).give(bytes));
    this.#do(this.#read.arrived(sender, range, this.#input.nowMs()));
  }

  /** What nobody has brought before. */
  #take(sender: Sender, range: ByteRange, bytes: Buffer): (Promise<unknown> | undefined)[] {
    return this.#filled.missing(range).map((part) => {
      const start = part.start - range.start;
      const own = bytes.subarray(start, start + rangeBytes(part));
      own.copy(this.#bytes, part.start - this.#read.range.start);
      this.#filled.add(part);
      return this.#input.onBytes(sender, part, own);
    });
  }

  #wakeAt(atMs: number): void {
    clearTimeout(this.#timer);
    const delayMs = Math.max(0, Math.ceil(atMs - this.#input.nowMs()));
    this.#timer = setTimeout(() => this.#wake(atMs), delayMs);
  }

  /** Whoever was away himself cannot say who was silent: they are given as long again. */
  #wake(dueAtMs: number): void {
    const lateMs = this.#input.nowMs() - dueAtMs;
    if (lateMs < OWN_PAUSE_MS_MIN) this.#tickSoon();
    else this.#timer = setTimeout(() => this.#tickSoon(), Math.min(lateMs, OWN_PAUSE_MS_MAX));
  }

  /** After what has come meanwhile: a busy process would take its peers for silent otherwise. */
  #tickSoon(): void {
    setImmediate(() => {
      if (!this.#isOver) this.#do(this.#read.tick(this.#input.nowMs()));
    });
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#read.stop();
    for (const [key, controller] of this.#asks) {
      this.#ended(key, controller, 'unwanted');
      controller.abort(OVER);
    }
    this.#origin.abort(OVER);
  }
}

function outcomeOf(failure: AskFailure): BlockOutcome {
  if (failure.kind === 'lost') return 'lost';
  return failure.reason === 'cannot' ? 'unavailable' : 'busy';
}

function keyOf(peer: PeerId, { start }: ByteRange): string {
  return `${peer} ${start}`;
}
