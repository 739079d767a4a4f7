/**
 * The merged root file system while layers are replayed onto it. Names live as Map keys; several
 * names of one `Inode` object are hard links. A directory entry remembers the last layer that
 * touched it, because a whiteout removes only what its own layer has not touched.
 */
import type { ByteString } from '@shoal/rafs';
import { NO_BYTES } from '@shoal/rafs';
import type { EntryKind, XattrEntry } from './layer-entry.ts';

export type InodeKind = Exclude<EntryKind, typeof EntryKind.hardlink>;

/** Everything about one file system object except its names. */
export type Inode = {
  kind: InodeKind;
  /** Permission, setuid, setgid and sticky bits. */
  mode: number;
  uid: number;
  gid: number;
  seconds: number;
  nanoseconds: number;
  rdev: number;
  xattrs: readonly XattrEntry[];
  size: number;
  /** Image-wide chunk numbers of a regular file: one number, or several. */
  chunks: number | Uint32Array | undefined;
  /** Target of a symlink, '' otherwise. */
  target: ByteString;
  /** Children of a directory. */
  children: Map<ByteString, Dirent> | undefined;
};

export type Dirent = { readonly inode: Inode; touchedBy: number };

export type Directory = Inode & { children: Map<ByteString, Dirent> };

/** Narrows to a directory. */
export function isDirectory(inode: Inode | undefined): inode is Directory {
  return inode?.children !== undefined;
}

export const NO_XATTRS: readonly XattrEntry[] = [];

/** A directory nobody described: what `mkdir` as root makes, at the epoch. */
export function implicitDirectory(): Directory {
  return {
    kind: 1,
    mode: 0o755,
    uid: 0,
    gid: 0,
    seconds: 0,
    nanoseconds: 0,
    rdev: 0,
    xattrs: NO_XATTRS,
    size: 0,
    chunks: undefined,
    target: NO_BYTES,
    children: new Map(),
  };
}
