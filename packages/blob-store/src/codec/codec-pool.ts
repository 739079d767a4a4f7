/**
 * A fixed set of threads that compress, decompress and hash. The main thread never does.
 * Jobs wait here, urgent ones first; a thread holds one that runs and one that waits. A cancelled
 * caller is answered at once; a thread that dies fails only its own jobs and is replaced.
 *
 * A pool may end its threads when nobody needs them for a while; the next job starts them again.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { CodecJobError, CodecPoolError } from '../errors.ts';
import { CODEC_JOBS_PER_THREAD, CODEC_THREADS_MAX } from '../limits.ts';
import type { CodecJobKind, CodecJobs } from './codec-jobs.ts';
import type { CodecReply, CodecRequest } from './codec-worker.ts';
import { nativeLoads } from './native-load.ts';

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

type Pending = {
  readonly request: CodecRequest;
  readonly transfer: ArrayBuffer[];
  readonly resolve: (result: CodecJobs[CodecJobKind]['result']) => void;
  readonly reject: (error: unknown) => void;
};

type Thread = { readonly worker: Worker; readonly running: Map<number, Pending> };

export class CodecPool implements AsyncDisposable {
  readonly #threadsMax: number;
  readonly #idleMs: number | undefined;
  /** Runs while the threads have nothing to do. */
  #idleTimer: NodeJS.Timeout | undefined;
  readonly #threads: Thread[] = [];
  readonly #urgent: Pending[] = [];
  readonly #queued: Pending[] = [];
  #nextId = 1;
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
    const { promise, resolve, reject } = Promise.withResolvers<CodecJobs[K]['result']>();
    const request = requestOf(this.#nextId++, kind, job);
    const pending: Pending = {
      request,
      transfer: transferOf(request),
      // The reply to a request of kind K carries a result of kind K: codec-worker's `perform`.
      resolve: (result) => resolve(result as CodecJobs[K]['result']),
      reject,
    };
    (options.isUrgent ? this.#urgent : this.#queued).push(pending);
    this.#dispatch();
    if (signal === undefined) return promise;
    const onAbort = () => this.#cancel(pending, signal.reason, endsWithJob);
    signal.addEventListener('abort', onAbort, { once: true });
    return promise.finally(() => signal.removeEventListener('abort', onAbort));
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
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()));
  }

  #isIdle(): boolean {
    return (
      this.#urgent.length + this.#queued.length === 0 &&
      this.#threads.every(({ running }) => running.size === 0)
    );
  }

  #cancel(pending: Pending, reason: unknown, endsWithJob: boolean): void {
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
      if (pending !== undefined) send(thread, pending);
    }
  }

  /** The thread with the fewest jobs; a new one before a second job for any. */
  #freeThread(): Thread | undefined {
    const idle = this.#threads.find(({ running }) => running.size === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < this.#threadsMax) return this.#startThread();
    return this.#threads.find(({ running }) => running.size < CODEC_JOBS_PER_THREAD);
  }

  #startThread(): Thread {
    const worker = new Worker(new URL('./codec-worker.ts', import.meta.url), {
      name: 'shoal-codec',
      workerData: nativeLoads(),
    });
    const thread: Thread = { worker, running: new Map() };
    worker.unref();
    worker.on('message', (reply: CodecReply) => this.#onReply(thread, reply));
    worker.on('error', (error) => this.#onDeath(thread, error));
    worker.on('exit', (code) => this.#onDeath(thread, new Error(`it ended with ${code}`)));
    this.#threads.push(thread);
    return thread;
  }

  #onReply(thread: Thread, reply: CodecReply): void {
    const pending = thread.running.get(reply.id);
    thread.running.delete(reply.id);
    if (thread.running.size === 0) thread.worker.unref();
    if (reply.ok) pending?.resolve(reply.result);
    else pending?.reject(new CodecJobError(`${pending.request.kind}: ${reply.message}`));
    this.#dispatch();
    this.#settle();
  }

  #onDeath(thread: Thread, cause: unknown): void {
    const at = this.#threads.indexOf(thread);
    if (at === -1) return;
    this.#threads.splice(at, 1);
    const error = new CodecPoolError('a codec thread died', { cause, retryable: true });
    for (const pending of thread.running.values()) pending.reject(error);
    thread.running.clear();
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
      if (this.#isIdle() && this.#closing === undefined) void this.#endThreads();
    }, idleMs).unref();
    this.#idleTimer.refresh();
  }
}

function send(thread: Thread, pending: Pending): void {
  try {
    thread.worker.postMessage(pending.request, pending.transfer);
    thread.running.set(pending.request.id, pending);
    thread.worker.ref();
  } catch (error) {
    // A buffer that cannot be transferred: the caller's mistake, not the thread's.
    pending.reject(new CodecJobError('a buffer of the job cannot be moved', { cause: error }));
  }
}

function requestOf<K extends CodecJobKind>(
  id: number,
  kind: K,
  job: CodecJobs[K]['job'],
): CodecRequest {
  // TypeScript cannot see that a generic kind and its job form one member of the union.
  return { id, kind, job } as CodecRequest;
}

function transferOf(request: CodecRequest): ArrayBuffer[] {
  switch (request.kind) {
    case 'compress':
    case 'digest':
    case 'piece-hashes':
      return [request.job.raw];
    case 'verify-decompress':
      return [request.job.stored];
    case 'verify-file':
    case 'hash-file':
      return [];
  }
}
