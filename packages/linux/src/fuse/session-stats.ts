/** Adds up the counters of a session's workers. */
import type { SessionStats } from './session-types.ts';
import type { WorkerHandle } from './worker-handle.ts';
import { Counter } from './worker-messages.ts';

export function statsOf(workers: readonly WorkerHandle[], files: number): SessionStats {
  const total = (index: number) =>
    workers.reduce((sum, worker) => sum + (worker.counters[index] ?? 0), 0);
  return {
    requests: total(Counter.requests),
    reads: total(Counter.reads),
    readyReads: total(Counter.readyReads),
    missReads: total(Counter.missReads),
    failedReads: total(Counter.failedReads),
    bytesRead: total(Counter.bytesRead),
    waiting: total(Counter.waiting),
    files,
    threads: workers.length,
  };
}
