/**
 * One step of a layer as it is replayed onto the tree below it: an archive member whose content is
 * already cut into chunks. Whiteouts are still ordinary entries here; only replaying in order, on
 * the real lower tree, can say what an entry means (symlinked parents, clobbered directories).
 */
import type { ByteString } from '@shoal/rafs';

export const EntryKind = {
  regular: 0,
  directory: 1,
  symlink: 2,
  hardlink: 3,
  character: 4,
  block: 5,
  fifo: 6,
  socket: 7,
} as const;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

export type XattrEntry = { readonly name: ByteString; readonly value: ByteString };

export type LayerEntry = {
  /** Path as the archive has it, not yet cleaned. */
  readonly path: ByteString;
  readonly kind: EntryKind;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  /** `new_encode_dev` form for devices, 0 otherwise. */
  readonly rdev: number;
  /** Target of hard and symbolic links, '' otherwise. */
  readonly linkName: ByteString;
  readonly xattrs: readonly XattrEntry[];
  readonly size: number;
  /** Chunks of the content in order, numbers of the owning unit's chunk list. */
  readonly chunks: readonly number[];
};
