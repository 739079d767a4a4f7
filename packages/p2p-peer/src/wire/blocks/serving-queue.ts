/**
 * Requests of the other side of a wire, the most urgent first: so many may wait, and blocks are read for
 * them only while those that are read or unsent fit into the memory one peer may cost. A cancelled one is
 * refused.
 */
import type { Priority } from '@shoal/blob-store';
import { UrgentFirst } from '../../select/urgent-first.ts';
import type { BlockGone, ServeCall, ServedBlock } from '../blob-wire.ts';
import { WireLimitError } from '../errors.ts';
import {
  READING_BLOCKS_MAX,
  SIGN_OF_LIFE_MS,
  SOCKET_BYTES_MAX,
  UNSENT_BYTES_MAX,
} from '../limits.ts';
import type { WireBlock } from '../wire-block.ts';
import type { PlacedBlock } from './piece-layout.ts';

export type ServingQueueInput = {
  /** That may wait or be read at once. */
  readonly requestsMax: number;
  readonly line: {
    readonly unsentBytes: number;
    /** `onGone` is called once, whatever becomes of it. */
    sendBlock(index: number, offset: number, bytes: Uint8Array, onGone?: BlockGone): void;
  };
  readonly serve: (block: PlacedBlock, call: ServeCall) => Promise<ServedBlock>;
  readonly refuse: (block: PlacedBlock, error: unknown) => void;
  /** Called again and again while somebody waits. */
  readonly onSlow: () => void;
};

type Entry = {
  readonly block: PlacedBlock;
  readonly priority: Priority;
  readonly abort: AbortController;
  /** Once it is read. */
  served: ServedBlock | undefined;
};

export class ServingQueue {
  readonly #input: ServingQueueInput;
  readonly #waiting = new UrgentFirst<Entry>();
  readonly #reading = new Set<Entry>();
  /** Read, and not given to the socket yet. */
  readonly #ready = new UrgentFirst<Entry>();
  /** Of blocks that are read or ready; those included that were cancelled while they are read. */
  #memoryBytes = 0;
  #readingCount = 0;
  #isClosed = false;
  #slowTimer: NodeJS.Timeout | undefined;

  constructor(input: ServingQueueInput) {
    this.#input = input;
  }

  /** Throws `ERR_P2P_WIRE_LIMIT`. */
  add(block: PlacedBlock, priority: Priority): void {
    const count = this.#count + 1;
    const { requestsMax } = this.#input;
    if (count > requestsMax) {
      throw new WireLimitError('the number of requests', count, requestsMax);
    }
    this.#waiting.push({ block, priority, abort: new AbortController(), served: undefined });
    this.#slowTimer ??= setInterval(() => this.#onSlow(), SIGN_OF_LIFE_MS).unref();
    this.pump();
  }

  /** One whose bytes the socket has is no longer here. */
  cancel(block: WireBlock): void {
    const isIt = (entry: Entry) =>
      entry.block.index === block.index &&
      entry.block.offset === block.offset &&
      entry.block.length === block.length;
    const entry = [...this.#waiting, ...this.#reading, ...this.#ready].find(isIt);
    if (entry === undefined) return;
    this.#waiting.remove(entry);
    this.#reading.delete(entry);
    if (this.#ready.remove(entry)) {
      this.#memoryBytes -= block.length;
      entry.served?.onGone?.(false);
    }
    entry.abort.abort();
    this.#input.refuse(entry.block, undefined);
  }

  /** Gives the socket what it may have, and reads what there is room for. */
  pump(): void {
    const { line } = this.#input;
    while (line.unsentBytes < SOCKET_BYTES_MAX) {
      const entry = this.#ready.shift();
      if (entry === undefined) break;
      const { index, offset, length } = entry.block;
      this.#memoryBytes -= length;
      const { served } = entry;
      if (served !== undefined) line.sendBlock(index, offset, served.bytes, served.onGone);
    }
    while (!this.#isClosed && this.#readingCount < READING_BLOCKS_MAX) {
      const next = this.#waiting.peek();
      if (next === undefined) return;
      const bytes = line.unsentBytes + this.#memoryBytes + next.block.length;
      if (bytes > UNSENT_BYTES_MAX) return;
      this.#waiting.take(next);
      void this.#answer(next);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#slowTimer);
    this.#waiting.clear();
    for (const { abort } of this.#reading) abort.abort();
    this.#reading.clear();
    for (const { served } of this.#ready) served?.onGone?.(false);
    this.#ready.clear();
  }

  get #count(): number {
    return this.#waiting.size + this.#reading.size + this.#ready.size;
  }

  async #answer(entry: Entry): Promise<void> {
    const { block, abort, priority } = entry;
    this.#reading.add(entry);
    this.#memoryBytes += block.length;
    this.#readingCount += 1;
    let failure: unknown;
    try {
      entry.served = await this.#input.serve(block, { signal: abort.signal, priority });
    } catch (error) {
      failure = error;
    }
    this.#readingCount -= 1;
    const isWanted = this.#reading.delete(entry);
    if (isWanted && entry.served?.bytes.length === block.length) this.#ready.push(entry);
    else {
      entry.served?.onGone?.(false);
      this.#memoryBytes -= block.length;
      if (isWanted) this.#input.refuse(block, failure);
    }
    this.pump();
  }

  #onSlow(): void {
    if (this.#count > 0) this.#input.onSlow();
    else {
      clearInterval(this.#slowTimer);
      this.#slowTimer = undefined;
    }
  }
}
