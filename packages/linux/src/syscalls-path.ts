/**
 * System calls on paths that are bytes: extended attributes, device nodes. They are raw: the result,
 * or `-errno`. Symlinks are not followed.
 */
import { constants as fsConstants } from 'node:fs';
import koffi from 'koffi';
import { rawResult } from './syscalls.ts';

const libc = koffi.load(null);
const INT = 'int';
const LONG = 'long';
const SIZE = 'size_t';
const POINTER = 'void *';

const cListxattr = libc.func('llistxattr', LONG, [POINTER, POINTER, SIZE]);
const cGetxattr = libc.func('lgetxattr', LONG, [POINTER, POINTER, POINTER, SIZE]);
const cSetxattr = libc.func('lsetxattr', INT, [POINTER, POINTER, POINTER, SIZE, INT]);

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
