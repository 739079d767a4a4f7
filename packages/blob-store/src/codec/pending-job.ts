/** A job that waits for its answer, and what of it moves to the thread. */
import type { CodecJobKind, CodecJobs } from './codec-jobs.ts';
import type { CodecRequest } from './codec-worker.ts';

export type PendingJob = {
  readonly request: CodecRequest;
  readonly transfer: ArrayBuffer[];
  readonly resolve: (result: CodecJobs[CodecJobKind]['result']) => void;
  readonly reject: (error: unknown) => void;
};

export function pendingJob<K extends CodecJobKind>(id: number, kind: K, job: CodecJobs[K]['job']) {
  const { promise, resolve, reject } = Promise.withResolvers<CodecJobs[K]['result']>();
  const request = requestOf(id, kind, job);
  const pending: PendingJob = {
    request,
    transfer: transferOf(request),
    // The reply to a request of kind K carries a result of kind K: codec-worker's `perform`.
    resolve: (result) => resolve(result as CodecJobs[K]['result']),
    reject,
  };
  return { promise, pending };
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
    case 'hash-stream':
      return [request.job.raw];
    case 'verify-decompress':
      return [request.job.stored];
    case 'verify-file':
    case 'hash-file':
      return [];
  }
}
