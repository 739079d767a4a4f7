/**
 * One step of a layer as it is replayed onto the tree below it: an archive member whose content is
 * already cut into chunks. Whiteouts are still ordinary entries here; only replaying in order, on
 * the real lower tree, can say what an entry means (symlinked parents, clobbered directories).
 */
import type { ByteString, InodeAttributes } from '@shoal/rafs';

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

export type LayerEntry = Omit<InodeAttributes, 'kind'> & {
  /** Path as the archive has it, not yet cleaned. */
  readonly path: ByteString;
  readonly kind: EntryKind;
  /** Target of hard and symbolic links, '' otherwise. */
  readonly linkName: ByteString;
  readonly xattrs: readonly XattrEntry[];
  readonly size: number;
  /** Chunks of the content in order, numbers of the owning unit's chunk list. */
  readonly chunks: readonly number[];
};
