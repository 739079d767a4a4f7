/** Extended attributes of a path, which Node has no functions for. Symlinks are not followed. */
import { constants } from 'node:os';
import { SyscallError } from './errors.ts';
import { XATTR_LIST_BYTES_MAX, XATTR_VALUE_BYTES_MAX } from './limits.ts';
import { errnoName } from './syscalls.ts';
import { getXattrRaw, listXattrsRaw } from './syscalls-path.ts';

const { ENOTSUP, ENODATA } = constants.errno;
const NUL = Buffer.from([0]);

const list = Buffer.alloc(XATTR_LIST_BYTES_MAX);
const value = Buffer.alloc(XATTR_VALUE_BYTES_MAX);

export type Xattr = { readonly name: Buffer; readonly value: Buffer };

/** All attributes the caller may see, copied; none where the file system has none. */
export function readXattrs(path: Buffer): readonly Xattr[] {
  const cPath = Buffer.concat([path, NUL]);
  const length = listXattrsRaw(cPath, list);
  if (length === 0 || length === -ENOTSUP) return [];
  if (length < 0) throw failure('llistxattr', -length, path);
  const xattrs: Xattr[] = [];
  for (let at = 0; at < length; ) {
    const end = list.indexOf(0, at) + 1;
    const size = getXattrRaw(cPath, list.subarray(at, end), value);
    // An attribute may go away between the two calls.
    if (size < 0 && size !== -ENODATA) throw failure('lgetxattr', -size, path);
    if (size >= 0) {
      const name = Buffer.from(list.subarray(at, end - 1));
      xattrs.push({ name, value: Buffer.from(value.subarray(0, size)) });
    }
    at = end;
  }
  return xattrs;
}

function failure(syscall: string, errno: number, path: Buffer): SyscallError {
  return new SyscallError(syscall, errno, errnoName(errno), path.toString('utf8'));
}
