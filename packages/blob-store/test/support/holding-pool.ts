/** A pool of real threads that keeps the results of jobs that are done until they may go. */
import type { CodecJobKind, CodecJobs } from '../../src/codec/codec-jobs.ts';
import { CodecPool, type CodecRunOptions } from '../../src/index.ts';

export class HoldingPool extends CodecPool {
  held: Promise<void> | undefined;
  holds = 0;
  /** Who writes what each job has verified. */
  readonly writers: string[] = [];

  override async run<K extends CodecJobKind>(
    kind: K,
    job: CodecJobs[K]['job'],
    options: CodecRunOptions = {},
  ): Promise<CodecJobs[K]['result']> {
    if (kind === 'verify-decompress') this.writers.push('places' in job ? 'thread' : 'cache');
    const result = await super.run(kind, job, options);
    this.holds += this.held === undefined ? 0 : 1;
    await this.held;
    return result;
  }
}
