/**
 * Chunks that are present and not yet durable. They are made durable in batches: after a short
 * delay, or at once when many bytes wait. Batches never overlap. What was written while a batch
 * failed fails with it: the kernel reports a page that it could not write once, then forgets it.
 */
import { DURABLE_BYTES_PENDING_MAX, DURABLE_DELAY_MS_MAX } from '../limits.ts';

export type DurableQueueOptions = {
  /** Makes a batch durable; when it throws, everything in the queue is lost: see `onFailed`. */
  readonly persist: (chunks: readonly number[]) => Promise<void>;
  readonly onFailed: (chunks: readonly number[], error: unknown) => void;
  /** @default DURABLE_DELAY_MS_MAX */
  readonly delayMs?: number;
};

export class DurableQueue {
  readonly #options: DurableQueueOptions;
  #chunks: number[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: DurableQueueOptions) {
    this.#options = options;
  }

  add(chunk: number, bytes: number): void {
    this.#chunks.push(chunk);
    this.#bytes += bytes;
    if (this.#bytes >= DURABLE_BYTES_PENDING_MAX) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), this.#delayMs()).unref();
  }

  /** Resolves when everything added so far is durable, or failed. Never rejects. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#running.then(() => this.#persist());
    return this.#running;
  }

  #delayMs(): number {
    return this.#options.delayMs ?? DURABLE_DELAY_MS_MAX;
  }

  async #persist(): Promise<void> {
    const chunks = this.#takeAll();
    if (chunks.length === 0) return;
    try {
      await this.#options.persist(chunks);
    } catch (error) {
      this.#options.onFailed([...chunks, ...this.#takeAll()], error);
    }
  }

  #takeAll(): number[] {
    const chunks = this.#chunks.sort((a, b) => a - b);
    this.#chunks = [];
    this.#bytes = 0;
    return chunks;
  }
}
