/**
 * A fixed set of threads that compress, decompress and hash. The main thread never does.
 * Jobs wait here, urgent ones first; a thread holds one that runs and one that waits. A cancelled
 * caller is answered at once; a thread that dies fails only its own jobs and is replaced.
 *
 * A pool may end its threads when nobody needs them for a while; the next job starts them again.
 */
import { availableParallelism } from 'node:os';
import type { DigestAlgorithm } from '@shoal/oci';
import { CodecPoolError } from '../errors.ts';
import {
  CODEC_JOBS_PER_THREAD,
  CODEC_THREADS_MAX,
  HASH_STEP_BYTES_MAX,
  HASH_STREAM_BYTES_MAX,
  HASH_STREAMS_MAX,
} from '../limits.ts';
import type { CodecJobKind, CodecJobs } from './codec-jobs.ts';
import { CodecThread } from './codec-thread.ts';
import { type HashKeeper, type HashStep, HashStream } from './hash-stream.ts';
import { type PendingJob, pendingJob } from './pending-job.ts';

export type CodecPoolOptions = {
  /** @default the machine's parallelism, at most CODEC_THREADS_MAX */
  readonly threads?: number;
  /** Threads end after so long without a job. @default never */
  readonly idleMs?: number;
};

export type CodecRunOptions = {
  readonly signal?: AbortSignal;
  /** Jobs with a program waiting go before others. @default false */
  readonly isUrgent?: boolean;
  /**
   * A job that a thread has is waited for, whatever the signal says: for jobs that write to a file,
   * which must stay open until then. @default false
   */
  readonly endsWithJob?: boolean;
};

export class CodecPool implements AsyncDisposable {
  readonly #threadsMax: number;
  readonly #idleMs: number | undefined;
  /** Runs while the threads have nothing to do. */
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #threads: CodecThread[] = [];
  readonly #urgent: PendingJob[] = [];
  readonly #queued: PendingJob[] = [];
  #nextId = 1;
  /** That are open. */
  #hashes = 0;
  #closing: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(options: CodecPoolOptions = {}) {
    const wanted = options.threads ?? availableParallelism();
    this.#threadsMax = Math.max(1, Math.min(wanted, CODEC_THREADS_MAX));
    this.#idleMs = options.idleMs;
  }

  /** Runs one job; its buffers move to a thread and are gone for the caller, whatever happens. */
  run<K extends CodecJobKind>(
    kind: K,
    job: CodecJobs[K]['job'],
    options: CodecRunOptions = {},
  ): Promise<CodecJobs[K]['result']> {
    const { signal, endsWithJob = false } = options;
    if (this.#closing !== undefined) {
      return Promise.reject(new CodecPoolError('the codec pool is closed'));
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    const { promise, pending } = pendingJob(this.#nextId++, kind, job);
    (options.isUrgent ? this.#urgent : this.#queued).push(pending);
    this.#dispatch();
    if (signal === undefined) return promise;
    const onAbort = () => this.#cancel(pending, signal.reason, endsWithJob);
    signal.addEventListener('abort', onAbort, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', onAbort));
  }

  /** The caller closes it. Throws `ERR_BLOB_STORE_CODEC_POOL` when too many are open. */
  openHash(algorithm: DigestAlgorithm): HashStream {
    if (this.#hashes >= HASH_STREAMS_MAX) {
      throw new CodecPoolError('too much is being hashed at this moment', { retryable: true });
    }
    this.#hashes++;
    return new HashStream(algorithm, this.#keeperOf(algorithm));
  }

  #keeperOf(algorithm: DigestAlgorithm): HashKeeper {
    const stream = this.#nextId++;
    let thread: CodecThread | undefined;
    let isOver = false;
    const run = async (job: HashStep) => {
      if (this.#closing !== undefined) throw new CodecPoolError('the codec pool is closed');
      if (thread === undefined) {
        thread = this.#threadForHash();
        thread.hashes++;
      }
      isOver ||= job.isLast;
      return this.#runOn(thread, 'hash-stream', { ...job, stream, algorithm });
    };
    const leave = () => {
      this.#hashes--;
      if (thread === undefined) return;
      thread.hashes--;
      // A thread that is gone has forgotten it.
      if (!isOver) run({ raw: new ArrayBuffer(0), length: 0, isLast: true }).catch(() => undefined);
      this.#settle();
    };
    const perHash = () => Math.floor(HASH_STREAM_BYTES_MAX / (2 * this.#hashes));
    return { stepBytes: () => Math.min(HASH_STEP_BYTES_MAX, perHash()), run, leave };
  }

  #runOn<K extends CodecJobKind>(
    thread: CodecThread,
    kind: K,
    job: CodecJobs[K]['job'],
  ): Promise<CodecJobs[K]['result']> {
    if (!this.#threads.includes(thread)) {
      return Promise.reject(new CodecPoolError('a codec thread died', { retryable: true }));
    }
    const { promise, pending } = pendingJob(this.#nextId++, kind, job);
    thread.send(pending);
    return promise;
  }

  /** Starts every thread that does not run, so that no first job waits for one. */
  warmUp(): void {
    if (this.#closing !== undefined) return;
    while (this.#threads.length < this.#threadsMax) this.#startThread();
    this.#settle();
  }

  /** Waits for every job, then ends the threads. */
  close(): Promise<void> {
    this.#closing ??= this.#drainAndEnd();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drainAndEnd(): Promise<void> {
    clearTimeout(this.#idleTimer);
    if (!this.#isIdle()) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    await this.#endThreads();
  }

  async #endThreads(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map((thread) => thread.end()));
  }

  #isIdle(): boolean {
    return (
      this.#urgent.length + this.#queued.length === 0 &&
      this.#threads.every(({ jobs }) => jobs === 0)
    );
  }

  #cancel(pending: PendingJob, reason: unknown, endsWithJob: boolean): void {
    let isQueued = false;
    for (const queue of [this.#urgent, this.#queued]) {
      const at = queue.indexOf(pending);
      if (at === -1) continue;
      queue.splice(at, 1);
      isQueued = true;
    }
    // A job that runs already goes on; nobody listens to its answer any more.
    if (isQueued || !endsWithJob) pending.reject(reason);
    this.#settle();
  }

  #dispatch(): void {
    while (this.#urgent.length + this.#queued.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) return;
      const pending = this.#urgent.shift() ?? this.#queued.shift();
      if (pending !== undefined) thread.send(pending);
    }
  }

  /** The thread with the fewest jobs; a new one before a second job for any. */
  #freeThread(): CodecThread | undefined {
    const idle = this.#threads.find(({ jobs }) => jobs === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < this.#threadsMax) return this.#startThread();
    return this.#threads.find(({ jobs }) => jobs < CODEC_JOBS_PER_THREAD);
  }

  #threadForHash(): CodecThread {
    let found: CodecThread | undefined;
    for (const thread of this.#threads) {
      if (found === undefined || thread.hashes < found.hashes) found = thread;
    }
    const mayStart = this.#threads.length < this.#threadsMax;
    return found === undefined || (found.hashes > 0 && mayStart) ? this.#startThread() : found;
  }

  #startThread(): CodecThread {
    const thread = new CodecThread({
      onReply: () => {
        this.#dispatch();
        this.#settle();
      },
      onDeath: (dead, cause) => this.#onDeath(dead, cause),
    });
    this.#threads.push(thread);
    return thread;
  }

  #onDeath(thread: CodecThread, cause: unknown): void {
    const at = this.#threads.indexOf(thread);
    if (at === -1) return;
    this.#threads.splice(at, 1);
    thread.fail(new CodecPoolError('a codec thread died', { cause, retryable: true }));
    this.#dispatch();
    this.#settle();
  }

  #settle(): void {
    if (!this.#isIdle()) return;
    if (this.#drained !== undefined) this.#drained();
    else if (this.#idleMs !== undefined) this.#endThreadsAfter(this.#idleMs);
  }

  /** Counted anew from each time that the pool has nothing to do. */
  #endThreadsAfter(idleMs: number): void {
    this.#idleTimer ??= setTimeout(() => {
      const isFree = this.#hashes === 0 && this.#isIdle();
      if (isFree && this.#closing === undefined) void this.#endThreads();
    }, idleMs).unref();
    this.#idleTimer.refresh();
  }
}
