/**
 * Every condition this package reports, one class each. Codes are stable; callers test `code`.
 * Errors that come straight from a system call carry its `errno` name and number.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

/** A system call failed. The message names the call and what it was about. */
export class SyscallError extends ShoalError {
  override readonly code = 'ERR_LINUX_SYSCALL';
  readonly syscall: string;
  /** Positive errno number. */
  readonly errno: number;
  /** Its name, `EBUSY`. */
  readonly errnoName: string;

  constructor(
    syscall: string,
    errno: number,
    errnoName: string,
    subject: string,
    options: ShoalErrorOptions = {},
  ) {
    super(`${syscall} ${subject}: ${errnoName}`, options);
    this.syscall = syscall;
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

/** A process that keeps a mount busy. */
export type MountUser = {
  readonly pid: number;
  /** The command as `ps` would show it, control characters removed, cut at 200 characters. */
  readonly command: string;
  /** What it has there: `cwd`, `root`, `exe`, `file`, `map`. */
  readonly uses: readonly string[];
};

/** The kernel refused to mount; the message has the file system's own words where it gave any. */
export class MountFailedError extends ShoalError {
  override readonly code = 'ERR_LINUX_MOUNT_FAILED';
  readonly errnoName: string;

  constructor(message: string, errnoName: string, options: ShoalErrorOptions = {}) {
    super(message, options);
    this.errnoName = errnoName;
  }
}

/** Somebody uses the mount: `users` and `mountsBelow` say who. */
export class MountBusyError extends ShoalError {
  override readonly code = 'ERR_LINUX_MOUNT_BUSY';
  readonly mountpoint: string;
  readonly users: readonly MountUser[];
  readonly mountsBelow: readonly string[];

  constructor(mountpoint: string, users: readonly MountUser[], mountsBelow: readonly string[]) {
    super(`${mountpoint} is busy: ${describeUsers(users, mountsBelow)}`, {
      retryable: true,
      remedy: 'end these processes and unmount what is mounted below, or use --lazy',
    });
    this.mountpoint = mountpoint;
    this.users = users;
    this.mountsBelow = mountsBelow;
  }
}

/** Nothing is mounted at this path. */
export class NotMountedError extends ShoalError {
  override readonly code = 'ERR_LINUX_NOT_MOUNTED';

  constructor(mountpoint: string) {
    super(`${mountpoint} is not a mount point`, { remedy: 'list the mounts and check the path' });
  }
}

/** A line of mountinfo that does not follow its manual page. */
export class MountTableError extends ShoalError {
  override readonly code = 'ERR_LINUX_MOUNT_TABLE';

  constructor(line: string) {
    super(`unreadable mountinfo line ${JSON.stringify(line.slice(0, 200))}`);
  }
}

/** The kernel sent bytes that are not the FUSE protocol as we know it. */
export class FuseMessageError extends ShoalError {
  override readonly code = 'ERR_LINUX_FUSE_MESSAGE';

  constructor(detail: string) {
    super(`FUSE message: ${detail}`);
  }
}

/** No thread of this process can serve the session, which is in order: another process may. */
export class FuseWorkersError extends ShoalError {
  override readonly code = 'ERR_LINUX_FUSE_WORKERS';
  override readonly retryable = true;

  constructor(options: ShoalErrorOptions = {}) {
    super('the threads that serve the FUSE session do not start', {
      remedy: 'start the daemon again: readers wait; its log says why the threads failed',
      ...options,
    });
  }
}

/** The session is closed, or its connection was ended by the kernel. */
export class FuseSessionClosedError extends ShoalError {
  override readonly code = 'ERR_LINUX_FUSE_SESSION_CLOSED';
}

/** A file does not fit into the session: a bad id, name, size or map. */
export class FlatFileError extends ShoalError {
  override readonly code = 'ERR_LINUX_FLAT_FILE';
}

/** The process that keeps descriptors is gone, was replaced, or does not let us take them. */
export class HolderError extends ShoalError {
  override readonly code = 'ERR_LINUX_HOLDER';
}

const USERS_PRINTED_MAX = 8;

function describeUsers(users: readonly MountUser[], mountsBelow: readonly string[]): string {
  const parts = users
    .slice(0, USERS_PRINTED_MAX)
    .map((user) => `pid ${user.pid} (${user.command}: ${user.uses.join(', ')})`);
  if (users.length > USERS_PRINTED_MAX) parts.push(`${users.length - USERS_PRINTED_MAX} more`);
  if (mountsBelow.length > 0) parts.push(`mounts below it: ${mountsBelow.join(', ')}`);
  return parts.length === 0 ? 'the kernel does not say by whom' : parts.join('; ');
}
