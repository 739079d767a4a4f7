/**
 * Batches of chunks on their way through the codec pool: they go in in archive order, are hashed
 * and compressed on all cores, and come out in the order they went in. The bytes in flight are
 * bounded; buffers are handed back and used again.
 */
import type { CodecPool, CompressResult } from '@shoal/blob-store';
import { BYTES_IN_FLIGHT_MAX } from '../limits.ts';

export type BatchResult = CompressResult & { readonly lengths: Uint32Array };

export type BatchCodec = {
  readonly compressor: 'none' | 'lz4_block' | 'zstd';
  readonly digester: 'sha256' | 'blake3';
};

/** Buffers kept for reuse: as many as one step of the archive reader fills. */
const FREE_BUFFERS_MAX = 4;

/** Takes one result and gives back its buffer, to be used for a later batch. */
export type BatchSink = (result: BatchResult) => Promise<ArrayBuffer>;

export class BatchPipeline {
  readonly #pool: CodecPool;
  readonly #codec: BatchCodec;
  readonly #sink: BatchSink;
  readonly #signal: AbortSignal;
  readonly #free: ArrayBuffer[] = [];
  #bytesInFlight = 0;
  #tail: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(pool: CodecPool, codec: BatchCodec, sink: BatchSink, signal: AbortSignal) {
    this.#pool = pool;
    this.#codec = codec;
    this.#sink = sink;
    this.#signal = signal;
  }

  /** A buffer of at least `size` bytes, used before if there is one. */
  takeBuffer(size: number): ArrayBuffer {
    const index = this.#free.findIndex((buffer) => buffer.byteLength === size);
    if (index === -1) return new ArrayBuffer(size);
    return this.#free.splice(index, 1)[0] ?? new ArrayBuffer(size);
  }

  /** Queues a batch; the buffer is gone for the caller. Wait for `whenReady` between batches. */
  push(raw: ArrayBuffer, lengths: Uint32Array<ArrayBuffer>): void {
    this.#bytesInFlight += raw.byteLength;
    const job = { raw, lengths: lengths.slice(), ...this.#codec, withCrc32c: false };
    const running = this.#pool.run('compress', job, { signal: this.#signal });
    // Failure is seen through the tail; without this Node would report it as unhandled meanwhile.
    running.catch(() => {});
    this.#tail = this.#tail.then(() => this.#consume(running, lengths));
  }

  /** Resolves when the next batch may be pushed; throws what went wrong with an earlier one. */
  async whenReady(): Promise<void> {
    while (this.#bytesInFlight > BYTES_IN_FLIGHT_MAX && this.#failure === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  get isFull(): boolean {
    return this.#bytesInFlight > BYTES_IN_FLIGHT_MAX || this.#failure !== undefined;
  }

  /** Resolves when every batch went through the sink. */
  async drain(): Promise<void> {
    await this.#tail;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #consume(running: Promise<CompressResult>, lengths: Uint32Array): Promise<void> {
    try {
      const result = await running;
      this.#bytesInFlight -= result.stored.byteLength;
      if (this.#failure !== undefined) return;
      const buffer = await this.#sink({ ...result, lengths });
      if (this.#free.length < FREE_BUFFERS_MAX) this.#free.push(buffer);
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#wake?.();
    this.#wake = undefined;
  }
}
