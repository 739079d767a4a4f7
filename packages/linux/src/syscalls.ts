/**
 * The system calls Node has no function for; those of sockets are in `syscalls-socket.ts`.
 *
 * Two families. The *raw* ones are for hot loops: they return the result or `-errno` and never
 * throw (an exception costs more than the call). All others throw SyscallError. Calls newer than
 * Debian 12's C library go through syscall(2); their numbers (above 423) are the same on every
 * architecture that Linux runs Node on.
 */
import { closeSync, constants as fsConstants, openSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';
import { SyscallError } from './errors.ts';

const libc = koffi.load(null);
const INT = 'int';
const LONG = 'long';
const SIZE = 'size_t';
const POINTER = 'void *';
const TEXT = 'str';

const cPoll = libc.func('poll', INT, [POINTER, 'ulong', INT]);
const cRead = libc.func('read', LONG, [INT, POINTER, SIZE]);
const cWrite = libc.func('write', LONG, [INT, POINTER, SIZE]);
const cPread = libc.func('pread64', LONG, [INT, POINTER, SIZE, 'int64']);
const cEventfd = libc.func('eventfd', INT, ['uint', INT]);
const cUmount2 = libc.func('umount2', INT, [TEXT, INT]);
const cFlock = libc.func('flock', INT, [INT, INT]);
const cFadvise = libc.func('posix_fadvise64', INT, [INT, 'int64', 'int64', INT]);
const cMmap = libc.func('mmap', POINTER, [POINTER, SIZE, INT, INT, INT, 'int64']);
const cListxattr = libc.func('llistxattr', LONG, [POINTER, POINTER, SIZE]);
const cGetxattr = libc.func('lgetxattr', LONG, [POINTER, POINTER, POINTER, SIZE]);
const cSetxattr = libc.func('lsetxattr', INT, [POINTER, POINTER, POINTER, SIZE, INT]);
const cSyncfs = libc.func('syncfs', INT, [INT]);
const sysTextFlags = libc.func('syscall', LONG, [LONG, TEXT, LONG]);
const sysFsconfig = libc.func('syscall', LONG, [LONG, LONG, LONG, TEXT, TEXT, LONG]);
const sysFlags = libc.func('syscall', LONG, [LONG, LONG, LONG, LONG]);
const sysMoveMount = libc.func('syscall', LONG, [LONG, LONG, TEXT, LONG, TEXT, LONG]);

const NR = {
  moveMount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  pidfdOpen: 434,
  pidfdGetfd: 438,
} as const;

const ERRNO_NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));
// Node has no names for these; the numbers are the same on x86 and ARM.
ERRNO_NAMES.set(15, 'ENOTBLK').set(117, 'EUCLEAN').set(124, 'EMEDIUMTYPE');

/** `EIO` of 5; a number the host's Node does not know is printed as such. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

/** Throws for a negative result of the call that was just made. */
export function checked(result: number, syscall: string, subject: string): number {
  if (result >= 0) return result;
  const errno = koffi.errno();
  throw new SyscallError(syscall, errno, errnoName(errno), subject);
}

/** The result, or `-errno` of the call that was just made. */
export function rawResult(result: number): number {
  return result >= 0 ? result : -koffi.errno();
}

// --- raw: for loops ------------------------------------------------------------------------------

const POLLIN = 0x1;
const POLLERR = 0x8;
const POLLFD_SIZE = 8;

/** A reusable `struct pollfd` array that waits for input on each descriptor. */
export class PollSet {
  readonly #entries: Buffer;
  readonly #count: number;

  constructor(fds: readonly number[]) {
    this.#count = fds.length;
    this.#entries = Buffer.alloc(fds.length * POLLFD_SIZE);
    fds.forEach((fd, index) => {
      this.#entries.writeInt32LE(fd, index * POLLFD_SIZE);
      this.#entries.writeInt16LE(POLLIN, index * POLLFD_SIZE + 4);
    });
  }

  /** Waits; -1 is for ever. Returns the number of ready entries or `-errno` (EINTR happens). */
  wait(timeoutMs: number): number {
    return rawResult(cPoll(this.#entries, this.#count, timeoutMs));
  }

  /** True when the last `wait` found an error on an entry: the other side is gone. */
  hasError(index: number): boolean {
    return (this.#entries.readInt16LE(index * POLLFD_SIZE + 6) & POLLERR) !== 0;
  }
}

export function readRaw(fd: number, into: Uint8Array): number {
  return rawResult(cRead(fd, into, into.byteLength));
}

export function writeRaw(fd: number, bytes: Uint8Array): number {
  return rawResult(cWrite(fd, bytes, bytes.byteLength));
}

export function preadRaw(fd: number, into: Uint8Array, offset: number): number {
  return rawResult(cPread(fd, into, into.byteLength, offset));
}

/** `llistxattr`: names, each with its NUL. The path ends with a NUL. */
export function listXattrsRaw(path: Uint8Array, into: Uint8Array): number {
  return rawResult(cListxattr(path, into, into.byteLength));
}

/** `lgetxattr`; path and name end with a NUL. */
export function getXattrRaw(path: Uint8Array, name: Uint8Array, into: Uint8Array): number {
  return rawResult(cGetxattr(path, name, into, into.byteLength));
}

/** `lsetxattr`; path and name end with a NUL. */
export function setXattrRaw(path: Buffer, name: Buffer, value: Buffer): number {
  return rawResult(cSetxattr(path, name, value, value.byteLength, 0));
}

/** C libraries before 2.33 have no such function: looked for when it is needed. */
let cMknod: ReturnType<typeof libc.func> | undefined;

/** `mknod` of a character device; the path ends with a NUL. */
export function makeCharacterDeviceRaw(path: Buffer, device: number): number {
  cMknod ??= libc.func('mknod', INT, [POINTER, 'uint', 'uint64']);
  return rawResult(cMknod(path, fsConstants.S_IFCHR | 0o600, device));
}

/** `syncfs`: everything written to the file system of a descriptor is on disk. */
export function syncFileSystem(fd: number): void {
  checked(cSyncfs(fd), 'syncfs', `descriptor ${fd}`);
}

const EVENT_ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Adds one to an eventfd; wakes whoever polls it. */
export function signalEvent(eventFd: number): void {
  cWrite(eventFd, EVENT_ONE, EVENT_ONE.byteLength);
}

// --- descriptors ---------------------------------------------------------------------------------

const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;

/** A non-blocking eventfd with count zero. */
export function openEventFd(): number {
  return checked(cEventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), 'eventfd', '');
}

/** A descriptor that stands for a process, whatever happens to its number. */
export function pidfdOpen(pid: number): number {
  return checked(sysFlags(NR.pidfdOpen, pid, 0, 0), 'pidfd_open', `of process ${pid}`);
}

/** A copy of descriptor `fd` of that process. Needs ptrace rights over it. */
export function pidfdGetfd(pidfd: number, fd: number): number {
  return checked(sysFlags(NR.pidfdGetfd, pidfd, fd, 0), 'pidfd_getfd', `of its descriptor ${fd}`);
}

const LOCK_EX_NB = 2 | 4;

/** Takes an advisory lock that ends with the descriptor; false when another holder has it. */
export function flockExclusive(fd: number): boolean {
  if (cFlock(fd, LOCK_EX_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === constants.errno.EWOULDBLOCK) return false;
  throw new SyscallError('flock', errno, errnoName(errno), `of descriptor ${fd}`);
}

const POSIX_FADV_DONTNEED = 4;

/** Drops a file's clean pages, so that the next read asks the layer below again. */
export function dropFilePages(fd: number): void {
  const errno = cFadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  if (errno !== 0) throw new SyscallError('posix_fadvise', errno, errnoName(errno), `of ${fd}`);
}

const PROT_READ = 1;
const MAP_SHARED = 1;

/**
 * Maps a file for reading for the rest of the process's life. Touching a page whose read fails is
 * SIGBUS: only for processes that may die.
 */
export function mapFile(fd: number, lengthBytes: number): Uint8Array {
  const pointer: unknown = cMmap(null, lengthBytes, PROT_READ, MAP_SHARED, fd, 0);
  const failed = koffi.address(pointer) === 0xffff_ffff_ffff_ffffn;
  if (failed) checked(-1, 'mmap', `of descriptor ${fd}`);
  return new Uint8Array(koffi.view(pointer, lengthBytes));
}

// --- mounts --------------------------------------------------------------------------------------

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const AT_FDCWD = -100;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

/** `fsconfig` commands. */
export const FsconfigCommand = { setFlag: 0, setString: 1, create: 6 } as const;

export function fsopen(fileSystem: string): number {
  return checked(sysTextFlags(NR.fsopen, fileSystem, FSOPEN_CLOEXEC), 'fsopen', fileSystem);
}

/** One `fsconfig` call; values are at most 255 bytes. */
export function fsconfig(
  fsFd: number,
  command: number,
  key: string | null,
  value: string | null,
): void {
  const subject = key === null ? 'create' : value === null ? key : `${key}=${value}`;
  checked(sysFsconfig(NR.fsconfig, fsFd, command, key, value, 0), 'fsconfig', subject);
}

/** `MOUNT_ATTR_*` bits. */
export const MountAttribute = { readOnly: 1, nosuid: 2, nodev: 4, noexec: 8 } as const;

/** A detached mount of a created file system. */
export function fsmount(fsFd: number, attributes: number): number {
  return checked(sysFlags(NR.fsmount, fsFd, FSMOUNT_CLOEXEC, attributes), 'fsmount', '');
}

/** Attaches a detached mount. */
export function moveMount(mountFd: number, mountpoint: string): void {
  checked(
    sysMoveMount(NR.moveMount, mountFd, '', AT_FDCWD, mountpoint, MOVE_MOUNT_F_EMPTY_PATH),
    'move_mount',
    `to ${mountpoint}`,
  );
}

/** `umount2` flags. */
export const UmountFlag = { force: 1, detach: 2, noFollow: 8 } as const;

export function umount2(path: string, flags: number): void {
  checked(cUmount2(path, flags), 'umount2', path);
}

/** What the kernel has to say about a file system context, one line each, oldest first. */
export function readContextLog(fsFd: number): string[] {
  const lines: string[] = [];
  const line = Buffer.alloc(1024);
  for (let count = readRaw(fsFd, line); count > 0; count = readRaw(fsFd, line)) {
    lines.push(line.toString('utf8', 0, count).trim());
  }
  return lines;
}

/** Opens `/dev/fuse` for non-blocking reads. */
export function openFuseDevice(): number {
  return openSync('/dev/fuse', fsConstants.O_RDWR | fsConstants.O_NONBLOCK);
}

export { closeSync as closeFd };
