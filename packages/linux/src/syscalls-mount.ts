/**
 * The system calls of mounts: fsopen(2), fsconfig(2), fsmount(2), move_mount(2), umount2(2). They
 * throw SyscallError. The C library of Debian 12 has none of the first four.
 */
import koffi from 'koffi';
import { checked, readRaw } from './syscalls.ts';

const libc = koffi.load(null);
const INT = 'int';
const LONG = 'long';
const TEXT = 'str';

const cUmount2 = libc.func('umount2', INT, [TEXT, INT]);
const sysFsopen = libc.func('syscall', LONG, [LONG, TEXT, LONG]);
const sysFsconfig = libc.func('syscall', LONG, [LONG, LONG, LONG, TEXT, TEXT, LONG]);
const sysFsmount = libc.func('syscall', LONG, [LONG, LONG, LONG, LONG]);
const sysMoveMount = libc.func('syscall', LONG, [LONG, LONG, TEXT, LONG, TEXT, LONG]);

const NR = { moveMount: 429, fsopen: 430, fsconfig: 431, fsmount: 432 } as const;

const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const AT_FDCWD = -100;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

/** `fsconfig` commands. */
export const FsconfigCommand = { setFlag: 0, setString: 1, create: 6 } as const;

export function fsopen(fileSystem: string): number {
  return checked(sysFsopen(NR.fsopen, fileSystem, FSOPEN_CLOEXEC), 'fsopen', fileSystem);
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
  return checked(sysFsmount(NR.fsmount, fsFd, FSMOUNT_CLOEXEC, attributes), 'fsmount', '');
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
