/**
 * What tells an overlay that something of the layers below is not there: whiteouts and opaque
 * directories. Documentation: Documentation/filesystems/overlayfs.rst of the kernel.
 */
import { SyscallError } from '../errors.ts';
import { errnoName } from '../syscalls.ts';
import { makeCharacterDeviceRaw, setXattrRaw } from '../syscalls-path.ts';

const NUL = Buffer.from([0]);
const OPAQUE = Buffer.from('trusted.overlay.opaque\0');
const YES = Buffer.from('y');

/** Nothing may be at the path. */
export function makeWhiteout(path: Buffer): void {
  check(makeCharacterDeviceRaw(Buffer.concat([path, NUL]), 0), 'mknod', path);
}

/** Hides what directories of that name hold in the layers below. */
export function makeOpaque(directory: Buffer): void {
  check(setXattrRaw(Buffer.concat([directory, NUL]), OPAQUE, YES), 'lsetxattr', directory);
}

function check(result: number, syscall: string, path: Buffer): void {
  if (result >= 0) return;
  throw new SyscallError(syscall, -result, errnoName(-result), path.toString('utf8'));
}
