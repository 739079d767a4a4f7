/**
 * Every condition the mount service reports, one class each. Codes are stable; callers test `code`.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError, shellWord } from '@shoal/errors';

/** A mountpoint that must not be used: a system path, a pseudo file system, not a directory. */
export class MountpointError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_MOUNTPOINT';

  constructor(mountpoint: string, detail: string, remedy = 'give an ordinary directory') {
    super(`cannot mount at ${mountpoint}: ${detail}`, { remedy });
  }
}

/** Nothing of ours is mounted there. */
export class NotMountedError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_NOT_MOUNTED';

  constructor(mountpoint: string) {
    super(`no image is mounted at ${mountpoint}`, { remedy: "'shoal status' lists the mounts" });
  }
}

/** The image cannot be mounted as it is: no such platform, blobs missing from the manifest. */
export class ImageUnusableError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_IMAGE_UNUSABLE';

  constructor(reference: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${reference}: ${detail}`, { remedy: 'convert the image again', ...options });
  }
}

/** A stored record, or the database itself, does not decode. */
export class StateDamagedError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_STATE_DAMAGED';

  constructor(place: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`the state in ${place} is damaged: ${detail}`, {
      remedy: "unmount what 'findmnt -t erofs,overlay' shows, move the directory away, start again",
      ...options,
    });
  }
}

/** A newer Shoal wrote the state: this one would misread it, and changes nothing. */
export class StateNewerError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_STATE_NEWER';

  constructor(directory: string, found: number, known: number) {
    super(
      `a newer Shoal wrote the state in ${directory}: version ${found}, this one knows ${known}`,
      {
        remedy: 'use the version of Shoal that wrote it, or a newer one',
      },
    );
  }
}

/** A directory the daemon needs cannot be used. */
export class DirectoryError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_DIRECTORY';

  constructor(path: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`cannot use the directory ${path}: ${detail}`, {
      remedy: 'give a directory on a disk file system that only root can write to',
      ...options,
    });
  }
}

/** The disk of the state is full: what must survive a restart cannot be written. */
export class StateDiskFullError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_DISK_FULL';

  constructor(place: string, options: ShoalErrorOptions = {}) {
    super(`no space is left for the state in ${place}`, {
      remedy: 'free space on that file system and try again',
      retryable: true,
      ...options,
    });
  }
}

/** Another daemon holds the state. */
export class StateLockedError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_STATE_LOCKED';

  constructor(directory: string, options: ShoalErrorOptions = {}) {
    super(`another daemon uses ${directory}`, {
      remedy: 'stop it first, or give this one its own --root and --run',
      ...options,
    });
  }
}

/** A miss was not answered within the mount's policy. */
export class MissFailedError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_MISS_FAILED';
}

/** A source was used after its mount had gone. */
export class SourceClosedError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SOURCE_CLOSED';

  constructor(name: string) {
    super(`${name} is closed`, { retryable: true });
  }
}

/** A restart found less on disk than the mount had saved. */
export class OfflineError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_OFFLINE';

  constructor(blobId: string) {
    super(`the chunk table of blob ${blobId} was not saved, and a restart fetches nothing`, {
      remedy: 'unmount the image and mount it again',
    });
  }
}

/** The service is closing and takes no more requests. */
export class ServiceClosedError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_CLOSED';

  constructor() {
    super('the daemon is stopping', { retryable: true, remedy: 'try again in a moment' });
  }
}

const MOUNTS_NAMED_MAX = 8;

/** Mounts survived the last daemon, and this start can serve none of them: nothing was ended. */
export class SessionKeptError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_SESSION_KEPT';

  constructor(mountpoints: readonly string[], cause: unknown) {
    const more = mountpoints.length - MOUNTS_NAMED_MAX;
    const named = mountpoints.slice(0, MOUNTS_NAMED_MAX).join(', ');
    const why = cause instanceof Error ? cause.message : String(cause);
    super(
      `none of the mounts that wait for a daemon can be served: ${why}` +
        ` (${named}${more > 0 ? `, ${more} more` : ''})`,
      {
        cause,
        retryable: true,
        remedy: `mend that (readers wait for the next start), or give mounts up: umount -l ${shellWord(mountpoints[0] ?? '')}`,
      },
    );
  }
}

/** A driver was asked for something it cannot do: a malformed request, an incomplete blob. */
export class DriverRequestError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_DRIVER_REQUEST';
}

/** The driver was closed, or its FUSE connection has ended. */
export class DriverClosedError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_DRIVER_CLOSED';
}
