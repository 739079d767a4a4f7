/** One thread of a pool, and the jobs it has: the pool decides which. */
import { Worker } from 'node:worker_threads';
import { CodecJobError } from '../errors.ts';
import type { CodecReply } from './codec-worker.ts';
import { nativeLoads } from './native-load.ts';
import type { PendingJob } from './pending-job.ts';

export type CodecThreadEvents = {
  /** A job is over, and settled. */
  readonly onReply: () => void;
  /** Once, and only when nobody ended it; its jobs are not settled. */
  readonly onDeath: (thread: CodecThread, cause: unknown) => void;
};

export class CodecThread {
  readonly #worker: Worker;
  readonly #running = new Map<number, PendingJob>();
  /** Hashes that are kept in it between their jobs. */
  hashes = 0;

  constructor({ onReply, onDeath }: CodecThreadEvents) {
    this.#worker = new Worker(new URL('./codec-worker.ts', import.meta.url), {
      name: 'shoal-codec',
      workerData: nativeLoads(),
    });
    this.#worker.unref();
    this.#worker.on('message', (reply: CodecReply) => {
      this.#settle(reply);
      onReply();
    });
    this.#worker.on('error', (error) => onDeath(this, error));
    this.#worker.on('exit', (code) => onDeath(this, new Error(`it ended with ${code}`)));
  }

  get jobs(): number {
    return this.#running.size;
  }

  send(pending: PendingJob): void {
    try {
      this.#worker.postMessage(pending.request, pending.transfer);
      this.#running.set(pending.request.id, pending);
      this.#worker.ref();
    } catch (error) {
      // A buffer that cannot be transferred: the caller's mistake, not the thread's.
      pending.reject(new CodecJobError('a buffer of the job cannot be moved', { cause: error }));
    }
  }

  #settle(reply: CodecReply): void {
    const pending = this.#running.get(reply.id);
    this.#running.delete(reply.id);
    if (this.#running.size === 0) this.#worker.unref();
    if (reply.ok) pending?.resolve(reply.result);
    else pending?.reject(new CodecJobError(`${pending.request.kind}: ${reply.message}`));
  }

  /** Whatever it has ends with the error. */
  fail(error: unknown): void {
    for (const pending of this.#running.values()) pending.reject(error);
    this.#running.clear();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
