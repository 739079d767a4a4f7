/**
 * How much room an inode takes in the metadata area and what must stay together: tails and their
 * inode share one block, inodes themselves do not cross one, full data blocks live elsewhere.
 */
import { CHUNK_ENTRY_SIZE } from '../chunk-entry.ts';
import { EXTENDED_INODE_SIZE, InodeLayout } from '../inode.ts';
import { InodeKind } from '../inode-kind.ts';
import { roundUp } from '../integers.ts';
import { BLOCK_SIZE } from '../layout.ts';
import { xattrAreaSize } from '../xattr-area.ts';
import type { BuildInode } from './bootstrap-input.ts';

export type InodeUnit = {
  readonly layout: InodeLayout;
  readonly xattrBytes: number;
  /** Bytes from the inode's start to the end of tail or chunk entries. */
  readonly size: number;
  /** Leading bytes that may not cross a block boundary. */
  readonly unbroken: number;
  /** 4 KiB blocks of data outside the unit. */
  readonly dataBlocks: number;
};

/** `dataSize` is the encoded size of a directory; other kinds know their own. */
export function inodeUnit(inode: BuildInode, chunkSize: number, dataSize: number): InodeUnit {
  const xattrBytes = xattrAreaSize(inode.xattrs);
  const head = EXTENDED_INODE_SIZE + xattrBytes;
  if (inode.kind === InodeKind.regular) {
    const entries = Math.ceil(inode.size / chunkSize) * CHUNK_ENTRY_SIZE;
    const size = roundUp(head, CHUNK_ENTRY_SIZE) + entries;
    return {
      layout: InodeLayout.chunked,
      xattrBytes,
      size,
      unbroken: EXTENDED_INODE_SIZE,
      dataBlocks: 0,
    };
  }
  const tail = dataSize % BLOCK_SIZE;
  if (tail > 0 && head + tail <= BLOCK_SIZE) {
    const size = head + tail;
    const dataBlocks = Math.floor(dataSize / BLOCK_SIZE);
    return { layout: InodeLayout.inline, xattrBytes, size, unbroken: size, dataBlocks };
  }
  const dataBlocks = Math.ceil(dataSize / BLOCK_SIZE);
  const unbroken = EXTENDED_INODE_SIZE;
  return { layout: InodeLayout.plain, xattrBytes, size: head, unbroken, dataBlocks };
}

/** Bytes of data a symlink keeps in the bootstrap; directories are planned separately. */
export function ownDataSize(inode: BuildInode): number {
  return inode.kind === InodeKind.symlink ? inode.target.length : 0;
}
