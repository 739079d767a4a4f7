/** Every condition of the gRPC socket, one class each. Codes are stable; callers test `code`. */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

/** The socket cannot be listened at: in use, not a socket, a path too long. */
export class SnapshotSocketError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SOCKET';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`cannot listen at ${path}: ${detail}`, {
      remedy: 'give another --address, or stop what uses it',
      ...options,
    });
  }
}
