/**
 * The one place that says which gRPC status an error becomes: the same that containerd's Go
 * snapshotters give (`errdefs/pkg/errgrpc`), because containerd decides by them.
 */
import { type StatusObject, status } from '@grpc/grpc-js';
import { errorCode, ShoalError } from '@shoal/errors';

const STATUS_OF: Readonly<Record<string, status>> = {
  ERR_SNAPSHOTTER_SNAPSHOT_NOT_FOUND: status.NOT_FOUND,
  ERR_SNAPSHOTTER_SNAPSHOT_EXISTS: status.ALREADY_EXISTS,
  ERR_SNAPSHOTTER_SNAPSHOT_STATE: status.FAILED_PRECONDITION,
  ERR_SNAPSHOTTER_SNAPSHOT_REQUEST: status.INVALID_ARGUMENT,
  ERR_SNAPSHOTTER_SNAPSHOT_FILTER: status.INVALID_ARGUMENT,
  ERR_SNAPSHOTTER_STATE_DAMAGED: status.DATA_LOSS,
  ERR_SNAPSHOTTER_DISK_FULL: status.RESOURCE_EXHAUSTED,
  ERR_SNAPSHOTTER_CLOSED: status.UNAVAILABLE,
  // Of the lazy part: what cannot be used as it is, and what cannot be had at the moment.
  ERR_SNAPSHOTTER_IMAGE_UNUSABLE: status.FAILED_PRECONDITION,
  ERR_SNAPSHOTTER_LAZY_IMAGE: status.FAILED_PRECONDITION,
  ERR_SNAPSHOTTER_LAZY_IMAGE_UNREACHABLE: status.UNAVAILABLE,
  ERR_SNAPSHOTTER_LAYER_ABSENT: status.FAILED_PRECONDITION,
  ERR_SNAPSHOTTER_LAZY_MARK: status.FAILED_PRECONDITION,
};

/** Of a status message: it travels in a header, of which clients take 8 KiB or so. */
const MESSAGE_CHARS_MAX = 1024;

/** What the client gets. The words of unknown errors are not for strangers. */
export function statusOf(error: unknown): Pick<StatusObject, 'code' | 'details'> {
  if (isAbort(error)) return { code: status.CANCELLED, details: 'the request was cancelled' };
  const code = codeOf(error);
  if (!(error instanceof ShoalError)) {
    return { code, details: 'internal error: see the log of the daemon' };
  }
  const words = error.remedy === undefined ? error.message : `${error.message}; ${error.remedy}`;
  return { code, details: words.slice(0, MESSAGE_CHARS_MAX) };
}

function codeOf(error: unknown): status {
  const code = errorCode(error) ?? '';
  const known = Object.hasOwn(STATUS_OF, code) ? STATUS_OF[code] : undefined;
  if (known !== undefined) return known;
  if (!(error instanceof ShoalError)) return status.INTERNAL;
  return error.retryable ? status.UNAVAILABLE : status.UNKNOWN;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
