/**
 * One way to look at a root file system, whatever holds it: a bootstrap, or the tree that ordinary
 * layers give when they are replayed. Comparing and unpacking see only this.
 */
import type { ByteString, InodeAttributes } from '@shoal/rafs';
import type { XattrEntry } from '../layer/layer-entry.ts';

/** Every attribute of one file system object except its names. */
export type ImageNode = InodeAttributes & {
  readonly nlink: number;
  /** Bytes of a regular file, 0 for everything else. */
  readonly size: number;
  readonly target: ByteString;
  /** Sorted by name. */
  readonly xattrs: readonly XattrEntry[];
};

export type Child<Handle> = { readonly name: ByteString; readonly handle: Handle };

export interface TreeView<Handle> {
  readonly root: Handle;
  node(handle: Handle): ImageNode;
  /** Children of a directory in byte order, without `.` and `..`; none of anything else. */
  children(handle: Handle): readonly Child<Handle>[];
  /** The child with this name, if there is one. */
  child(handle: Handle, name: ByteString): Handle | undefined;
  /**
   * The same value for all names of one object (hard links), different for different objects;
   * undefined for an object that is known to have one name only.
   */
  identity(handle: Handle): unknown;
}

/** A tree whose content can be compared. */
export interface HashedTree<Handle> extends TreeView<Handle> {
  /** The digests of the content's chunks in order, 32 bytes each. */
  digests(handle: Handle): Buffer;
}
