/** containerd's snapshot service over the service of ours: takes messages apart, nothing more. */
import {
  type handleUnaryCall,
  type ServerUnaryCall,
  type ServerWritableStream,
  type StatusObject,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { errorFields, type ServiceLog } from '../service-log.ts';
import { SnapshotRequestError } from '../snapshots/errors.ts';
import type { SnapshotService } from '../snapshots/snapshot-service.ts';
import type {
  ListSnapshotsRequest,
  ListSnapshotsResponse,
  PrepareSnapshotRequest,
  SnapshotsServer,
} from './gen/snapshots.ts';
import { LIST_BATCH_BYTES_MAX, LIST_BATCH_MAX } from './limits.ts';
import {
  infoBatches,
  infoMessage,
  labelsOfMessage,
  mountMessages,
  textOfMessage,
} from './snapshot-messages.ts';
import { statusOf } from './status-codes.ts';

export type SnapshotsServerParts = { readonly service: SnapshotService; readonly log: ServiceLog };

type Operation<Request, Response> = (request: Request, signal: AbortSignal) => Promise<Response>;

export function snapshotsServer(parts: SnapshotsServerParts): SnapshotsServer {
  const { service } = parts;
  const unary = <Request, Response>(name: string, operation: Operation<Request, Response>) =>
    unaryHandler(name, operation, parts.log);
  return {
    prepare: unary('Prepare', async (request: PrepareSnapshotRequest, signal) => ({
      mounts: mountMessages(await service.prepare(createRequest(request, signal))),
    })),
    view: unary('View', async (request: PrepareSnapshotRequest, signal) => ({
      mounts: mountMessages(await service.view(createRequest(request, signal))),
    })),
    mounts: unary('Mounts', async ({ key }) => ({
      mounts: mountMessages(await service.mounts(key)),
    })),
    commit: unary('Commit', async (request, signal) => {
      await service.commit({ ...createRequest(request, signal), name: request.name });
      return {};
    }),
    remove: unary('Remove', async ({ key }) => {
      await service.remove(key);
      return {};
    }),
    stat: unary('Stat', async ({ key }) => ({ info: infoMessage(await service.stat(key)) })),
    update: unary('Update', async ({ info, updateMask }) => {
      if (info === undefined) throw new SnapshotRequestError('the info is missing');
      const labels = labelsOfMessage(info.labels);
      const update = { name: info.name, labels, fields: updateMask ?? [] };
      return { info: infoMessage(await service.update(update)) };
    }),
    list: (call) => void list(call, parts),
    usage: unary('Usage', async ({ key }, signal) => service.usage(key, { signal })),
    cleanup: unary('Cleanup', async () => {
      await service.cleanup();
      return {};
    }),
  };
}

function createRequest(
  { key, parent, labels }: Pick<PrepareSnapshotRequest, 'key' | 'parent' | 'labels'>,
  signal: AbortSignal,
) {
  return { key, parent: textOfMessage(parent), labels: labelsOfMessage(labels), signal };
}

function unaryHandler<Request, Response>(
  name: string,
  operation: Operation<Request, Response>,
  log: ServiceLog,
): handleUnaryCall<Request, Response> {
  return (call: ServerUnaryCall<Request, Response>, answer: sendUnaryData<Response>) => {
    const left = new AbortController();
    call.once('cancelled', () => left.abort());
    operation(call.request, left.signal).then(
      (response) => answer(null, response),
      (error: unknown) => answer(reported(name, error, log)),
    );
  };
}

/** Waits while the client has not read what was sent. */
async function list(
  call: ServerWritableStream<ListSnapshotsRequest, ListSnapshotsResponse>,
  { service, log }: SnapshotsServerParts,
): Promise<void> {
  const left = new AbortController();
  call.once('cancelled', () => left.abort());
  const limits = { count: LIST_BATCH_MAX, bytes: LIST_BATCH_BYTES_MAX };
  try {
    for await (const info of infoBatches(service.list(call.request.filters), limits)) {
      if (!call.write({ info })) await drained(call, left.signal);
      left.signal.throwIfAborted();
    }
    call.end();
  } catch (error) {
    call.emit('error', reported('List', error, log));
  }
}

function drained(
  call: ServerWritableStream<ListSnapshotsRequest, ListSnapshotsResponse>,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  call.once('drain', resolve);
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}

/** What the daemon did not expect is in its log; a client's mistakes are not, nor that it has left. */
function reported(
  name: string,
  error: unknown,
  log: ServiceLog,
): Pick<StatusObject, 'code' | 'details'> {
  const answer = statusOf(error);
  const isCoded = errorFields(error).code?.startsWith('ERR_') === true;
  const level = isCoded || answer.code === status.CANCELLED ? 'debug' : 'error';
  log[level]({ operation: name, status: answer.code, ...errorFields(error) }, 'a request failed');
  return answer;
}
