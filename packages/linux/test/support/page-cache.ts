/** What the readers of the takeover tests do with the page cache: drop pages, and map them. */
import koffi from 'koffi';
import { SyscallError } from '../../src/errors.ts';
import { checked, errnoName } from '../../src/syscalls.ts';

const libc = koffi.load(null);
const INT = 'int';
const POINTER = 'void *';
const cFadvise = libc.func('posix_fadvise64', INT, [INT, 'int64', 'int64', INT]);
const cMmap = libc.func('mmap', POINTER, [POINTER, 'size_t', INT, INT, INT, 'int64']);

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
