/**
 * The system calls Node has no function for: what every kind of them needs, and those on
 * descriptors. Those of mounts, paths and sockets are in `syscalls-*.ts`.
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

const cPoll = libc.func('poll', INT, [POINTER, 'ulong', INT]);
const cRead = libc.func('read', LONG, [INT, POINTER, SIZE]);
const cWrite = libc.func('write', LONG, [INT, POINTER, SIZE]);
const cPread = libc.func('pread64', LONG, [INT, POINTER, SIZE, 'int64']);
koffi.struct('iovec', { iov_base: POINTER, iov_len: SIZE });
const cPreadv2 = libc.func('preadv64v2', LONG, [INT, 'const iovec *', INT, 'int64', INT]);
const cEventfd = libc.func('eventfd', INT, ['uint', INT]);
const cFlock = libc.func('flock', INT, [INT, INT]);
const cSyncfs = libc.func('syncfs', INT, [INT]);
const cFallocate = libc.func('fallocate64', INT, [INT, INT, 'int64', 'int64']);
const sysFlags = libc.func('syscall', LONG, [LONG, LONG, LONG, LONG]);
const sysSignal = libc.func('syscall', LONG, [LONG, LONG, LONG, LONG, LONG]);

const NR = { pidfdSendSignal: 424, pidfdOpen: 434, closeRange: 436, pidfdGetfd: 438 } as const;

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

const RWF_NOWAIT = 8;

/**
 * The same of what lies in the kernel's page cache, up to the first byte that the disk would be waited for;
 * -EAGAIN where that is the first one, -EOPNOTSUPP where the file system does not know.
 */
export function preadCachedRaw(fd: number, into: Uint8Array, offset: number): number {
  const vector = { iov_base: into, iov_len: into.byteLength };
  return rawResult(cPreadv2(fd, vector, 1, offset, RWF_NOWAIT));
}

/** `syncfs`: everything written to the file system of a descriptor is on disk. */
export function syncFileSystem(fd: number): void {
  checked(cSyncfs(fd), 'syncfs', `descriptor ${fd}`);
}

const FALLOC_KEEP_SIZE = 1;
const FALLOC_PUNCH_HOLE = 2;

/** `fallocate`: the bytes read as zeros from now on, and whole blocks of them take no room. */
export function punchHole(fd: number, offset: number, length: number): void {
  const mode = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE;
  checked(cFallocate(fd, mode, offset, length), 'fallocate', `descriptor ${fd}`);
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

/** Sends a signal to exactly that process. @throws SyscallError; ESRCH when it has ended */
export function pidfdSendSignal(pidfd: number, signal: number): void {
  checked(sysSignal(NR.pidfdSendSignal, pidfd, signal, 0, 0), 'pidfd_send_signal', `of ${signal}`);
}

/** A copy of descriptor `fd` of that process. Needs ptrace rights over it. */
export function pidfdGetfd(pidfd: number, fd: number): number {
  return checked(sysFlags(NR.pidfdGetfd, pidfd, fd, 0), 'pidfd_getfd', `of its descriptor ${fd}`);
}

const FD_MAX = 0xffff_ffff;
const CLOSE_RANGE_CLOEXEC = 4;

/**
 * From now on no descriptor from `first` on reaches a process that is started, but those it is given.
 * Node marks its own; libraries do not always. Before Linux 5.11 nothing happens.
 */
export function keepDescriptorsFromChildren(first: number): void {
  sysFlags(NR.closeRange, first, FD_MAX, CLOSE_RANGE_CLOEXEC);
}

const LOCK_EX_NB = 2 | 4;
/** Network file systems without a lock service, file systems in user space without locks. */
const NO_LOCKS: ReadonlySet<number> = new Set([
  constants.errno.ENOLCK,
  constants.errno.ENOSYS,
  constants.errno.EOPNOTSUPP,
]);

/** Takes an advisory lock that ends with the descriptor; false when another holder has it. */
export function flockExclusive(fd: number): boolean {
  if (cFlock(fd, LOCK_EX_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === constants.errno.EWOULDBLOCK) return false;
  throw new SyscallError('flock', errno, errnoName(errno), `of descriptor ${fd}`);
}

/** The same; undefined where the file system has no locks. */
export function tryFlock(fd: number): boolean | undefined {
  try {
    return flockExclusive(fd);
  } catch (error) {
    if (error instanceof SyscallError && NO_LOCKS.has(error.errno)) return undefined;
    throw error;
  }
}

/** Opens `/dev/fuse` for non-blocking reads. */
export function openFuseDevice(): number {
  return openSync('/dev/fuse', fsConstants.O_RDWR | fsConstants.O_NONBLOCK);
}

export { closeSync as closeFd };

/** Undefined in C libraries other than glibc. */
let cMallocTrim: ReturnType<typeof libc.func> | undefined;

/** Gives what the C library's allocator keeps for later back to the system, where it can. */
export function trimAllocator(): void {
  try {
    cMallocTrim ??= libc.func('malloc_trim', INT, [SIZE]);
    cMallocTrim(0);
  } catch {
    // This C library has no such function.
  }
}
