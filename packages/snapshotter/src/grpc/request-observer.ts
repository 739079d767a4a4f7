/**
 * Sits before every request of the gRPC server: gives it an id for the log, and tells how long it
 * took and how it ended.
 */
import {
  ServerInterceptingCall,
  type ServerInterceptor,
  ServerListenerBuilder,
  status,
} from '@grpc/grpc-js';
import { newRequest, runInRequest } from '../request-context.ts';

export type FinishedRequest = {
  /** `Prepare`, `Commit`, ...; `other` for what is no operation of the snapshot service. */
  readonly operation: string;
  /** Name of the gRPC status: `OK`, `ALREADY_EXISTS`, ... */
  readonly code: string;
  readonly seconds: number;
};

export type RequestObserver = (request: FinishedRequest) => void;

const OPERATIONS: ReadonlySet<string> = new Set([
  ...[
    'Prepare',
    'View',
    'Mounts',
    'Commit',
    'Remove',
    'Stat',
    'Update',
    'List',
    'Usage',
    'Cleanup',
  ],
]);

export function requestInterceptor(observe: RequestObserver | undefined): ServerInterceptor {
  return (method, call) => {
    const operation = operationOf(method.path);
    const context = newRequest('grpc', operation);
    const startedAt = performance.now();
    let isFinished = false;
    const finish = (code: number) => {
      if (isFinished) return;
      isFinished = true;
      const seconds = (performance.now() - startedAt) / 1000;
      observe?.({ operation, code: status[code] ?? 'UNKNOWN', seconds });
    };
    const listener = new ServerListenerBuilder()
      // The handler runs in here.
      .withOnReceiveHalfClose((next) => runInRequest(context, next))
      .withOnCancel(() => finish(status.CANCELLED))
      .build();
    return new ServerInterceptingCall(call, {
      start: (next) => next(listener),
      sendStatus: (answer, next) => {
        finish(answer.code ?? status.UNKNOWN);
        next(answer);
      },
    });
  };
}

/** Only known names: what a stranger sends must not become a label. */
function operationOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return OPERATIONS.has(name) ? name : 'other';
}
