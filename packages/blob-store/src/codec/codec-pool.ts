/**
 * A fixed set of threads that compress, decompress and hash. The main thread never does.
 */
import type { CodecJobKind, CodecJobs } from './codec-jobs.ts';

export type CodecPoolOptions = {
  /** @default the machine's parallelism, at most CODEC_THREADS_MAX */
  readonly threads?: number;
};

export type CodecRunOptions = {
  readonly signal?: AbortSignal;
  /** Jobs with a program waiting go before others. @default false */
  readonly isUrgent?: boolean;
};

export class CodecPool implements AsyncDisposable {
  constructor(options: CodecPoolOptions = {}) {
    void options;
  }

  run<K extends CodecJobKind>(
    kind: K,
    job: CodecJobs[K]['job'],
    options: CodecRunOptions = {},
  ): Promise<CodecJobs[K]['result']> {
    void job;
    void options;
    return Promise.reject(new Error(`not there yet: ${kind}`));
  }

  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
