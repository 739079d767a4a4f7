/**
 * Every condition of the snapshot service, one class each. Codes are stable; callers test `code`.
 * `grpc/status-codes.ts` says which gRPC status each becomes.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

const NAME_SHOWN_MAX = 200;

/** There is no snapshot of that name. */
export class SnapshotNotFoundError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SNAPSHOT_NOT_FOUND';

  constructor(name: string, role: 'snapshot' | 'parent' = 'snapshot') {
    super(`${role} ${shorten(name)} does not exist`, {
      remedy: "'ctr snapshots ls' lists what containerd knows",
    });
  }
}

/** A snapshot of that name is there already, or the wanted layer needs no fetching. */
export class SnapshotExistsError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SNAPSHOT_EXISTS';

  constructor(name: string) {
    super(`snapshot ${shorten(name)} already exists`, {
      remedy: 'use that one, remove it, or choose another name',
    });
  }
}

/** The snapshot is not in the state the request needs: not active, not committed, has children. */
export class SnapshotStateError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SNAPSHOT_STATE';

  constructor(name: string, detail: string) {
    super(`snapshot ${shorten(name)} ${detail}`, {
      remedy: "'ctr snapshots info' shows its kind and parent",
    });
  }
}

/** A request that can never be right: a name too long, a wrong parent, a field that cannot change. */
export class SnapshotRequestError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SNAPSHOT_REQUEST';

  constructor(detail: string, options: ShoalErrorOptions = {}) {
    super(detail, { remedy: "this is the client's mistake: correct the request", ...options });
  }
}

/** A filter of a listing that is not of containerd's grammar. */
export class SnapshotFilterError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SNAPSHOT_FILTER';

  /** @param at of the first wrong character, from 0 */
  constructor(filter: string, at: number, detail: string) {
    super(`filter ${shorten(filter)}: ${detail} at position ${at + 1}`, {
      remedy: 'write it like name==x, labels."a.b"==y or labels.z~=/pattern/',
    });
  }
}

/** The directory of a snapshot cannot be made, measured or read. */
export class SnapshotDirectoryError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SNAPSHOT_DIRECTORY';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${path}: ${detail}`, {
      remedy: 'look at the file system that holds it',
      ...options,
    });
  }
}

function shorten(text: string): string {
  return text.length <= NAME_SHOWN_MAX ? text : `${text.slice(0, NAME_SHOWN_MAX)}...`;
}
