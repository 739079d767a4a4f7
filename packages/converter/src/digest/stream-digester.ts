/**
 * Running SHA-256 digests of whole blobs, off the main thread: one worker serves every stream.
 * `update` transfers the buffer and resolves with it when its bytes are counted in, so a caller
 * that waits holds no copy and cannot run ahead of the hash.
 */
import { Worker } from 'node:worker_threads';
import { DigestWorkerError } from '../errors.ts';
import type { DigestReply, DigestRequest } from './stream-digest-worker.ts';

/** The thread makes no objects to speak of; the default would take 30 MiB. */
const YOUNG_GENERATION_MIB = 4;

type Waiter = {
  readonly resolve: (reply: DigestReply) => void;
  readonly reject: (e: unknown) => void;
};

export class StreamDigester implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiters: Waiter[] = [];
  #nextStream = 1;
  #failure: unknown;
  #isClosed = false;

  constructor() {
    this.#worker = new Worker(new URL('./stream-digest-worker.ts', import.meta.url), {
      name: 'shoal-digest',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: DigestReply) => {
      this.#waiters.shift()?.resolve(reply);
      if (this.#waiters.length === 0) this.#worker.unref();
    });
    this.#worker.on('error', (error) => this.#fail(new DigestWorkerError({ cause: error })));
    this.#worker.on('exit', () => this.#fail(new DigestWorkerError()));
  }

  /** Starts a digest. */
  open(): StreamDigest {
    return new StreamDigest(
      (request, transfer) => this.#ask(request, transfer),
      this.#nextStream++,
    );
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #ask(request: DigestRequest, transfer: ArrayBuffer[]): Promise<DigestReply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // The port keeps order, so replies match requests first in, first out.
    const { promise, resolve, reject } = Promise.withResolvers<DigestReply>();
    this.#waiters.push({ resolve, reject });
    this.#worker.ref();
    this.#worker.postMessage(request, transfer);
    return promise;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(this.#failure);
  }
}

type Ask = (request: DigestRequest, transfer: ArrayBuffer[]) => Promise<DigestReply>;

export class StreamDigest {
  readonly #ask: Ask;
  readonly #stream: number;

  constructor(ask: Ask, stream: number) {
    this.#ask = ask;
    this.#stream = stream;
  }

  /** Counts in the first `length` bytes of the buffer, which moves away and comes back. */
  async update(bytes: ArrayBuffer, length: number): Promise<ArrayBuffer> {
    const reply = await this.#ask({ kind: 'update', stream: this.#stream, bytes, length }, [bytes]);
    return reply.kind === 'updated' ? reply.bytes : bytes;
  }

  /** The digest of what was counted in so far, as hex. */
  soFar(): Promise<string> {
    return this.#hex('so-far');
  }

  /** The digest as hex; the stream is over. */
  finish(): Promise<string> {
    return this.#hex('finish');
  }

  async #hex(kind: 'so-far' | 'finish'): Promise<string> {
    const reply = await this.#ask({ kind, stream: this.#stream }, []);
    return reply.kind === 'digest' ? reply.hex : '';
  }
}
