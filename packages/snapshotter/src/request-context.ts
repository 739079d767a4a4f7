/**
 * Which request the code that runs now works for: log lines say it, without anybody passing it on.
 * Requests are numbered from the daemon's start.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export type RequestContext = {
  /** `grpc-17`, `control-3`: unique among the lines of one process. */
  readonly requestId: string;
  readonly operation: string;
};

const storage = new AsyncLocalStorage<RequestContext>();
let numbered = 0;

/** A context for a request that begins. */
export function newRequest(service: 'grpc' | 'control', operation: string): RequestContext {
  numbered += 1;
  return { requestId: `${service}-${numbered}`, operation };
}

export function runInRequest<T>(context: RequestContext, work: () => T): T {
  return storage.run(context, work);
}

/** Undefined in what the daemon does of its own. */
export function currentRequest(): RequestContext | undefined {
  return storage.getStore();
}
