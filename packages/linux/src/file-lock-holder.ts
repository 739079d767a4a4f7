/** Who holds a lock of fcntl(2) on a file, from /proc/locks (proc_locks(5)). */
import { readFileSync, statSync } from 'node:fs';

/** `1: POSIX  ADVISORY  WRITE 17197 fe:00:10558635 0 EOF`: pid, device in hexadecimal, inode. */
const LOCK_LINE = /^\d+: POSIX +\w+ +WRITE (\d+) ([0-9a-f]+):([0-9a-f]+):(\d+) /gm;

/**
 * The process with a write lock on the file. Undefined: nobody, or nobody this process can see (no
 * such file, no right to look, another pid namespace, a file system with device numbers of its own).
 */
export function fileLockHolder(path: string): number | undefined {
  try {
    const { dev, ino } = statSync(path);
    return holderIn(readFileSync('/proc/locks', 'latin1'), dev, ino);
  } catch {
    return undefined;
  }
}

function holderIn(locks: string, dev: number, ino: number): number | undefined {
  for (const [, pid, major, minor, inode] of locks.matchAll(LOCK_LINE)) {
    const device = deviceNumber(Number(`0x${major}`), Number(`0x${minor}`));
    if (Number(inode) === ino && device === dev && Number(pid) > 0) return Number(pid);
  }
  return undefined;
}

/** As `st_dev` has it: makedev(3) below 2^32. */
function deviceNumber(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}
