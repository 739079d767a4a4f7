/**
 * Requests of the other side of a wire: so many may wait, and blocks are read for them only while
 * those that are read or unsent fit into the memory one peer may cost. A cancelled one is refused.
 */
import { WireLimitError } from './errors.ts';
import { READING_BLOCKS_MAX, SIGN_OF_LIFE_MS, UNSENT_BYTES_MAX } from './limits.ts';
import type { WireBlock } from './peer-wire-handler.ts';
import type { Block } from './piece-layout.ts';

export type ServingQueueInput = {
  /** That may wait or be read at once. */
  readonly requestsMax: number;
  readonly line: {
    readonly unsentBytes: number;
    piece(index: number, offset: number, bytes: Uint8Array): void;
  };
  readonly serve: (block: Block, signal: AbortSignal) => Promise<Buffer>;
  readonly refuse: (block: Block, error: unknown) => void;
  /** Called again and again while somebody waits. */
  readonly onSlow: () => void;
};

type Entry = { readonly block: Block; readonly abort: AbortController };

export class ServingQueue {
  readonly #input: ServingQueueInput;
  /** In the order they came. */
  readonly #waiting: Entry[] = [];
  readonly #reading = new Set<Entry>();
  /** Those included that were cancelled while they are read: their memory is not free yet. */
  #readingBytes = 0;
  #readingCount = 0;
  #isClosed = false;
  #slowTimer: NodeJS.Timeout | undefined;

  constructor(input: ServingQueueInput) {
    this.#input = input;
  }

  /** Throws `ERR_P2P_WIRE_LIMIT`. */
  add(block: Block): void {
    const count = this.#waiting.length + this.#reading.size + 1;
    const { requestsMax } = this.#input;
    if (count > requestsMax) {
      throw new WireLimitError('the number of requests', count, requestsMax);
    }
    this.#waiting.push({ block, abort: new AbortController() });
    this.#slowTimer ??= setInterval(() => this.#onSlow(), SIGN_OF_LIFE_MS).unref();
    this.pump();
  }

  /** One that was answered already is no longer here. */
  cancel(block: WireBlock): void {
    const isIt = (entry: Entry) =>
      entry.block.index === block.index &&
      entry.block.offset === block.offset &&
      entry.block.length === block.length;
    const at = this.#waiting.findIndex(isIt);
    const [entry] = at === -1 ? [...this.#reading].filter(isIt) : this.#waiting.splice(at, 1);
    if (entry === undefined) return;
    this.#reading.delete(entry);
    entry.abort.abort();
    this.#input.refuse(entry.block, undefined);
  }

  pump(): void {
    while (!this.#isClosed && this.#readingCount < READING_BLOCKS_MAX) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const bytes = this.#input.line.unsentBytes + this.#readingBytes + next.block.length;
      if (bytes > UNSENT_BYTES_MAX) return;
      this.#waiting.shift();
      void this.#answer(next);
    }
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#slowTimer);
    this.#waiting.length = 0;
    for (const { abort } of this.#reading) abort.abort();
    this.#reading.clear();
  }

  async #answer(entry: Entry): Promise<void> {
    const { block, abort } = entry;
    this.#reading.add(entry);
    this.#readingBytes += block.length;
    this.#readingCount += 1;
    let bytes: Buffer | undefined;
    let failure: unknown;
    try {
      bytes = await this.#input.serve(block, abort.signal);
    } catch (error) {
      failure = error;
    }
    this.#readingBytes -= block.length;
    this.#readingCount -= 1;
    if (this.#reading.delete(entry)) {
      if (bytes?.length !== block.length) this.#input.refuse(block, failure);
      else this.#input.line.piece(block.index, block.offset, bytes);
    }
    this.pump();
  }

  #onSlow(): void {
    if (this.#reading.size > 0 || this.#waiting.length > 0) this.#input.onSlow();
    else {
      clearInterval(this.#slowTimer);
      this.#slowTimer = undefined;
    }
  }
}
