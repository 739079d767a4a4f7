/**
 * Mounting EROFS and overlayfs, and unmounting, through fsopen/fsconfig/fsmount/move_mount.
 *
 * Not through mount(2), which truncates its options silently after one page (39 devices), and not
 * through mount(8), which turns a regular file into a loop device without a word.
 * All calls are synchronous and short: EROFS opens its devices but reads none of them.
 */
import { constants, openSync } from 'node:fs';
import { MountBusyError, MountFailedError, NotMountedError, SyscallError } from '../errors.ts';
import { EROFS_DEVICES_MAX, FSCONFIG_VALUE_BYTES_MAX, OVERLAY_LOWER_MAX } from '../limits.ts';
import { closeFd } from '../syscalls.ts';
import {
  FsconfigCommand,
  fsconfig,
  fsmount,
  fsopen,
  MountAttribute,
  moveMount,
  readContextLog,
  UmountFlag,
  umount2,
} from '../syscalls-mount.ts';
import type { ErofsMountOptions, MountFlags, OverlayMountOptions } from './mount-types.ts';
import { mountsBelow, whoUses } from './mount-users.ts';

/** The `MOUNT_ATTR_*` bits of flags, defaults applied. */
export function mountAttributes(flags: MountFlags = {}): number {
  return (
    (flags.readOnly === true ? MountAttribute.readOnly : 0) |
    (flags.nosuid === false ? 0 : MountAttribute.nosuid) |
    (flags.nodev === false ? 0 : MountAttribute.nodev) |
    (flags.noexec === true ? MountAttribute.noexec : 0)
  );
}

/** One file system context: collects the descriptors it needed and closes them at the end. */
export class FileSystemContext {
  readonly #fd: number;
  readonly #helpers: number[] = [];
  readonly #what: string;

  constructor(fileSystem: string, what: string) {
    this.#what = what;
    try {
      this.#fd = fsopen(fileSystem);
    } catch (error) {
      throw mountFailed(error, what, []);
    }
  }

  flag(key: string): void {
    this.#run(() => fsconfig(this.#fd, FsconfigCommand.setFlag, key, null));
  }

  text(key: string, value: string): void {
    this.#run(() => fsconfig(this.#fd, FsconfigCommand.setString, key, value));
  }

  /** A path as the value; one that is too long goes through an open descriptor. */
  path(key: string, path: string): void {
    if (Buffer.byteLength(path) <= FSCONFIG_VALUE_BYTES_MAX) {
      this.text(key, path);
      return;
    }
    const fd = openSync(path, constants.O_RDONLY);
    this.#helpers.push(fd);
    this.text(key, `/proc/self/fd/${fd}`);
  }

  /** Creates the file system and returns its detached mount. */
  mount(attributes: number): number {
    return this.#run(() => {
      fsconfig(this.#fd, FsconfigCommand.create, null, null);
      return fsmount(this.#fd, attributes);
    });
  }

  close(): void {
    for (const fd of [this.#fd, ...this.#helpers.splice(0)]) closeFd(fd);
  }

  #run<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw mountFailed(error, this.#what, readContextLog(this.#fd));
    }
  }
}

function mountFailed(error: unknown, what: string, log: readonly string[]): unknown {
  if (!(error instanceof SyscallError)) return error;
  const words = log.length === 0 ? '' : ` (${log.map((line) => line.slice(2)).join('; ')})`;
  return new MountFailedError(`cannot mount ${what}: ${error.message}${words}`, error.errnoName, {
    cause: error,
    remedy:
      MOUNT_REMEDIES.get(error.errnoName) ?? 'run the doctor command to see what this host lacks',
  });
}

const MOUNT_REMEDIES = new Map([
  ['EPERM', 'mounting needs root (CAP_SYS_ADMIN)'],
  ['ENODEV', 'load the kernel module of this file system'],
  [
    'ENOTBLK',
    'keep the files on ext4, xfs or btrfs (not tmpfs or overlayfs), on Linux 6.12 or newer',
  ],
]);

function attach(mountFd: number, mountpoint: string, what: string): void {
  try {
    moveMount(mountFd, mountpoint);
  } catch (error) {
    throw mountFailed(error, what, []);
  } finally {
    closeFd(mountFd);
  }
}

function erofsOnce(options: ErofsMountOptions, directIo: boolean): number {
  const context = new FileSystemContext(
    'erofs',
    `${options.metadataFile} at ${options.mountpoint}`,
  );
  try {
    context.path('source', options.metadataFile);
    for (const device of options.devices) context.path('device', device);
    if (directIo) context.flag('directio');
    return context.mount(mountAttributes({ ...options.flags, readOnly: true }));
  } finally {
    context.close();
  }
}

/**
 * Mounts a metadata image over its device files. Tells whether `directio` is in force: data then
 * goes past the page cache of the device files and is held in memory once.
 */
export function mountErofs(options: ErofsMountOptions): { readonly directIo: boolean } {
  if (options.devices.length > EROFS_DEVICES_MAX) {
    throw new MountFailedError(
      `${options.metadataFile}: ${options.devices.length} devices, ${EROFS_DEVICES_MAX} at most`,
      'E2BIG',
    );
  }
  let directIo = options.directIo ?? true;
  let mountFd: number;
  try {
    mountFd = erofsOnce(options, directIo);
  } catch (error) {
    const refused = error instanceof MountFailedError && error.errnoName === 'EINVAL';
    if (!directIo || !refused) throw error;
    directIo = false;
    mountFd = erofsOnce(options, directIo);
  }
  attach(mountFd, options.mountpoint, `${options.metadataFile} at ${options.mountpoint}`);
  return { directIo };
}

/** Mounts an overlay; read-only when it has no upper directory. */
export function mountOverlay(options: OverlayMountOptions): void {
  const what = `an overlay at ${options.mountpoint}`;
  if (options.lower.length === 0 || options.lower.length > OVERLAY_LOWER_MAX) {
    throw new MountFailedError(`${what}: ${options.lower.length} lower directories`, 'EINVAL');
  }
  const context = new FileSystemContext('overlay', what);
  let mountFd: number;
  try {
    context.text('source', 'shoal');
    for (const lower of options.lower) context.path('lowerdir+', lower);
    if (options.upper !== undefined) context.path('upperdir', options.upper);
    if (options.work !== undefined) context.path('workdir', options.work);
    mountFd = context.mount(mountAttributes(options.flags));
  } finally {
    context.close();
  }
  attach(mountFd, options.mountpoint, what);
}

const NOT_MOUNTED = new Set(['EINVAL', 'ENOENT', 'ENOTDIR']);

/**
 * Unmounts the topmost mount at an absolute path. A busy mount is a MountBusyError that names its
 * users; `lazy` takes it out of sight at once and lets its users finish.
 */
export function unmount(path: string, options: { readonly lazy?: boolean } = {}): void {
  const lazy = options.lazy === true ? UmountFlag.detach : 0;
  try {
    umount2(path, UmountFlag.noFollow | lazy);
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    if (error.errnoName === 'EBUSY') {
      throw new MountBusyError(path, whoUses(path), mountsBelow(path));
    }
    if (NOT_MOUNTED.has(error.errnoName)) throw new NotMountedError(path);
    throw error;
  }
}
