/** Second pass of the writer: the bytes of every inode, directory and chunk entry of a plan. */
import { CHUNK_ENTRY_SIZE, encodeChunkEntry, encodeChunkFormat } from '../chunk-entry.ts';
import { encodeDirectoryBlock } from '../directory-block.ts';
import { RafsInputError } from '../errors.ts';
import { EXTENDED_INODE_SIZE, encodeInode, InodeLayout } from '../inode.ts';
import { InodeKind } from '../inode-kind.ts';
import { roundUp } from '../integers.ts';
import { BLOCK_SIZE, INODE_SLOT_SIZE } from '../layout.ts';
import { encodeXattrs } from '../xattr-area.ts';
import type { BuildInode, ChunkSource } from './bootstrap-input.ts';
import { chunksOf } from './check-inode.ts';
import { type InodeUnit, inodeUnit, ownDataSize } from './inode-unit.ts';
import type { PlannedDirectory, TreePlan } from './tree-plan.ts';

export type TreeTarget = {
  readonly bytes: Buffer;
  /** Where the metadata area starts in `bytes`. */
  readonly metaOffset: number;
  readonly chunkSize: number;
  readonly chunks: ChunkSource;
};

export function encodeTree(plan: TreePlan, target: TreeTarget): void {
  for (const [number, inode] of plan.inodes.entries()) {
    const directory = plan.directories.get(inode);
    const dataSize = directory?.blocks.size ?? ownDataSize(inode);
    const unit = inodeUnit(inode, target.chunkSize, dataSize);
    const offset = target.metaOffset + (plan.nids[number] ?? 0) * INODE_SLOT_SIZE;
    const dataOffset =
      target.metaOffset + plan.inodeBytes + (plan.dataBlocks[number] ?? 0) * BLOCK_SIZE;
    encodeInode(
      {
        ino: number + 1,
        kind: inode.kind,
        mode: inode.mode,
        uid: inode.uid,
        gid: inode.gid,
        seconds: inode.seconds,
        nanoseconds: inode.nanoseconds,
        nlink: plan.nlinks[number] ?? 1,
        size: inode.kind === InodeKind.regular ? inode.size : dataSize,
        layout: unit.layout,
        xattrBytes: unit.xattrBytes,
        union: unionOf(inode, unit, target.chunkSize, dataOffset),
      },
      target.bytes,
      offset,
    );
    const head = offset + EXTENDED_INODE_SIZE;
    if (unit.xattrBytes > 0) encodeXattrs(inode.xattrs, target.bytes, head);
    encodeBody(inode, directory, unit, target, head + unit.xattrBytes, dataOffset);
  }
}

function unionOf(
  inode: BuildInode,
  unit: InodeUnit,
  chunkSize: number,
  dataOffset: number,
): number {
  if (inode.kind === InodeKind.regular) return encodeChunkFormat(chunkSize);
  if (inode.kind === InodeKind.character || inode.kind === InodeKind.block) return inode.rdev;
  return unit.dataBlocks > 0 ? dataOffset / BLOCK_SIZE : 0;
}

function encodeBody(
  inode: BuildInode,
  directory: PlannedDirectory | undefined,
  unit: InodeUnit,
  target: TreeTarget,
  tailOffset: number,
  dataOffset: number,
): void {
  if (directory !== undefined) {
    encodeDirectory(directory, unit, target.bytes, tailOffset, dataOffset);
  } else if (inode.kind === InodeKind.symlink) {
    const at = unit.layout === InodeLayout.inline ? tailOffset : dataOffset;
    target.bytes.write(inode.target, at, 'latin1');
  } else if (inode.kind === InodeKind.regular) {
    encodeChunkEntries(inode, target, roundUp(tailOffset, CHUNK_ENTRY_SIZE));
  }
}

function encodeDirectory(
  { inode, names, nids, blocks }: PlannedDirectory,
  unit: InodeUnit,
  bytes: Buffer,
  tailOffset: number,
  dataOffset: number,
): void {
  const { starts } = blocks;
  for (const [block, start] of starts.entries()) {
    const end = starts[block + 1] ?? names.length;
    const entries = names.slice(start, end).map((name, index) => ({
      name,
      nid: nids[start + index] ?? 0,
      type: inode.children?.get(name)?.inode.kind ?? InodeKind.directory,
    }));
    const isTail = unit.layout === InodeLayout.inline && block === starts.length - 1;
    encodeDirectoryBlock(entries, bytes, isTail ? tailOffset : dataOffset + block * BLOCK_SIZE);
  }
}

function encodeChunkEntries(inode: BuildInode, target: TreeTarget, offset: number): void {
  const { bytes, chunks, chunkSize } = target;
  let at = offset;
  let rest = inode.size;
  for (const number of chunksOf(inode)) {
    const size = chunks.sizeOf(number);
    if (size !== Math.min(rest, chunkSize)) {
      throw new RafsInputError(`a chunk of ${size} bytes where a file has ${rest} left`);
    }
    const blockAddress = chunks.offsetOf(number) / BLOCK_SIZE;
    const entry = {
      blobIndex: chunks.blobOf(number),
      chunkIndex: chunks.indexOf(number),
      blockAddress,
    };
    encodeChunkEntry(entry, bytes, at);
    at += CHUNK_ENTRY_SIZE;
    rest -= size;
  }
}
