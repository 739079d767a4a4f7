/**
 * Requests of the other side of a wire: so many may wait, and blocks are read for them only while
 * those that are read or unsent fit into the memory one peer may cost. A cancelled one is rejected.
 */
import { WireLimitError } from './errors.ts';
import { QUEUED_REQUESTS_MAX, UNSENT_BYTES_MAX } from './limits.ts';
import type { WireBlock } from './peer-wire-handler.ts';
import type { Block } from './piece-layout.ts';

/** What the queue needs of its wire. */
export interface ServingLine {
  readonly hasFast: boolean;
  readonly unsentBytes: number;
  piece(index: number, offset: number, bytes: Uint8Array): void;
  reject(index: number, offset: number, length: number): void;
}

type Entry = { readonly block: Block; readonly abort: AbortController };

export class ServingQueue {
  readonly #line: ServingLine;
  readonly #serve: (block: Block, signal: AbortSignal) => Promise<Buffer>;
  /** In the order they came. */
  readonly #waiting: Entry[] = [];
  readonly #reading = new Set<Entry>();
  /** Those included that were cancelled while they are read: their memory is not free yet. */
  #readingBytes = 0;
  #readingCount = 0;
  #isClosed = false;

  constructor(line: ServingLine, serve: (block: Block, signal: AbortSignal) => Promise<Buffer>) {
    this.#line = line;
    this.#serve = serve;
  }

  /** Throws `ERR_P2P_WIRE_LIMIT`. */
  add(block: Block): void {
    const count = this.#waiting.length + this.#reading.size + 1;
    if (count > QUEUED_REQUESTS_MAX) {
      throw new WireLimitError('the number of requests', count, QUEUED_REQUESTS_MAX);
    }
    this.#waiting.push({ block, abort: new AbortController() });
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
    this.#reject(entry.block);
  }

  pump(): void {
    while (!this.#isClosed && this.#readingCount < QUEUED_REQUESTS_MAX) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const bytes = this.#line.unsentBytes + this.#readingBytes + next.block.length;
      if (bytes > UNSENT_BYTES_MAX) return;
      this.#waiting.shift();
      void this.#answer(next);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.length = 0;
    for (const { abort } of this.#reading) abort.abort();
    this.#reading.clear();
  }

  async #answer(entry: Entry): Promise<void> {
    const { index, offset, length } = entry.block;
    this.#reading.add(entry);
    this.#readingBytes += length;
    this.#readingCount += 1;
    const bytes = await this.#read(entry);
    this.#readingBytes -= length;
    this.#readingCount -= 1;
    if (this.#reading.delete(entry)) {
      if (bytes === undefined) this.#reject(entry.block);
      else this.#line.piece(index, offset, bytes);
    }
    this.pump();
  }

  /** Undefined when there is nothing to send. */
  async #read({ block, abort }: Entry): Promise<Buffer | undefined> {
    try {
      const bytes = await this.#serve(block, abort.signal);
      return bytes.length === block.length ? bytes : undefined;
    } catch {
      return undefined;
    }
  }

  /** Without the fast extension there is no way to say it: the other side waits, and asks others. */
  #reject({ index, offset, length }: Block): void {
    if (this.#line.hasFast) this.#line.reject(index, offset, length);
  }
}
