/**
 * First pass of the writer: gives every inode its place. Order is that of nydus-image, which keeps
 * what is listed together near: a directory, then its other children, then its directories in turn.
 */
import type { ByteString } from '../byte-string.ts';
import { byteStringFromText, compareByteStrings, printableName } from '../byte-string.ts';
import type { DirectoryPlan } from '../directory-block.ts';
import { planDirectory } from '../directory-block.ts';
import { RafsInputError, RafsLimitError } from '../errors.ts';
import { InodeKind } from '../inode-kind.ts';
import { roundUp } from '../integers.ts';
import { BLOCK_SIZE, INODE_SLOT_SIZE } from '../layout.ts';
import { BOOTSTRAP_BYTES_MAX } from '../limits.ts';
import type { BuildInode } from './bootstrap-input.ts';
import { checkBuildInode, checkChunkCount, checkName } from './check-inode.ts';
import { inodeUnit, ownDataSize } from './inode-unit.ts';

const DOT = byteStringFromText('.');
const DOT_DOT = byteStringFromText('..');
const ROOT_NAME = byteStringFromText('/');

/** A directory's names in order, with the nid of each once it is placed. */
export type PlannedDirectory = {
  readonly inode: BuildInode;
  readonly names: readonly ByteString[];
  readonly nids: number[];
  readonly blocks: DirectoryPlan;
};

/** Columns by inode number minus one, in the order of placement. */
export type TreePlan = {
  readonly inodes: readonly BuildInode[];
  readonly nids: readonly number[];
  readonly nlinks: readonly number[];
  /** First block of data outside the inode, counted from the data area's start. */
  readonly dataBlocks: readonly number[];
  readonly directories: ReadonlyMap<BuildInode, PlannedDirectory>;
  readonly numbers: ReadonlyMap<BuildInode, number>;
  /** Bytes from the metadata area's start to the data area, a multiple of 4096. */
  readonly inodeBytes: number;
  readonly dataBlockCount: number;
  readonly hasXattrs: boolean;
};

export type TreePlanOptions = { readonly chunkSize: number; readonly sharesSpecial: boolean };

/** Throws ERR_RAFS_INPUT for a tree the format cannot hold, ERR_RAFS_LIMIT for one too large. */
export function planTree(root: BuildInode, options: TreePlanOptions): TreePlan {
  if (root.kind !== InodeKind.directory) throw new RafsInputError('the root is no directory');
  return new TreePlanner(options).plan(root);
}

type PendingDirectory = {
  readonly inode: BuildInode;
  readonly name: ByteString;
  readonly parent: PlannedDirectory | undefined;
  readonly parentNid: number;
  readonly slot: number;
};

class TreePlanner {
  readonly #options: TreePlanOptions;
  readonly #inodes: BuildInode[] = [];
  readonly #nids: number[] = [];
  readonly #nlinks: number[] = [];
  readonly #dataBlocks: number[] = [];
  readonly #numbers = new Map<BuildInode, number>();
  readonly #directories = new Map<BuildInode, PlannedDirectory>();
  /** The first block stays unused, so that no inode gets nid 0. */
  #cursor = BLOCK_SIZE;
  #dataBlockCount = 0;
  #hasXattrs = false;

  constructor(options: TreePlanOptions) {
    this.#options = options;
  }

  plan(root: BuildInode): TreePlan {
    const pending: PendingDirectory[] = [
      { inode: root, name: ROOT_NAME, parent: undefined, parentNid: 0, slot: 0 },
    ];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const found = this.#placeDirectory(next);
      for (const directory of found.reverse()) pending.push(directory);
    }
    return {
      inodes: this.#inodes,
      nids: this.#nids,
      nlinks: this.#nlinks,
      dataBlocks: this.#dataBlocks,
      directories: this.#directories,
      numbers: this.#numbers,
      inodeBytes: roundUp(this.#cursor, BLOCK_SIZE),
      dataBlockCount: this.#dataBlockCount,
      hasXattrs: this.#hasXattrs,
    };
  }

  /** Places a directory and its other children; gives back its directories in order. */
  #placeDirectory({ inode, name, parent, parentNid, slot }: PendingDirectory): PendingDirectory[] {
    if (this.#directories.has(inode)) {
      throw new RafsInputError(`the directory ${printableName(name)} has two names`);
    }
    const names = [DOT, DOT_DOT, ...(inode.children?.keys() ?? [])].sort(compareByteStrings);
    const blocks = planDirectory(names);
    const planned = { inode, names, nids: names.map(() => 0), blocks };
    this.#directories.set(inode, planned);
    const number = this.#place(inode, name, blocks.size);
    const nid = this.#nids[number] ?? 0;
    if (parent !== undefined) parent.nids[slot] = nid;
    const found = this.#placeChildren(planned, nid, parent === undefined ? nid : parentNid);
    this.#nlinks[number] = 2 + found.length;
    return found;
  }

  #placeChildren(planned: PlannedDirectory, nid: number, parentNid: number): PendingDirectory[] {
    const found: PendingDirectory[] = [];
    for (const [slot, name] of planned.names.entries()) {
      const child = planned.inode.children?.get(name)?.inode;
      if (child === undefined) {
        planned.nids[slot] = name === DOT ? nid : parentNid;
        continue;
      }
      checkName(name);
      if (child.kind === InodeKind.directory) {
        found.push({ inode: child, name, parent: planned, parentNid: nid, slot });
      } else planned.nids[slot] = this.#placeLink(child, name);
    }
    return found;
  }

  /** Nid of an object that may have been placed under another name before. */
  #placeLink(inode: BuildInode, name: ByteString): number {
    const isShared = inode.kind === InodeKind.regular || this.#options.sharesSpecial;
    const known = isShared ? this.#numbers.get(inode) : undefined;
    const number = known ?? this.#place(inode, name, ownDataSize(inode));
    this.#nlinks[number] = (known === undefined ? 0 : (this.#nlinks[number] ?? 0)) + 1;
    return this.#nids[number] ?? 0;
  }

  #place(inode: BuildInode, name: ByteString, dataSize: number): number {
    checkBuildInode(inode, name);
    checkChunkCount(inode, name, this.#options.chunkSize);
    const unit = inodeUnit(inode, this.#options.chunkSize, dataSize);
    if ((this.#cursor % BLOCK_SIZE) + unit.unbroken > BLOCK_SIZE) {
      this.#cursor = roundUp(this.#cursor, BLOCK_SIZE);
    }
    const number = this.#inodes.push(inode) - 1;
    this.#numbers.set(inode, number);
    this.#nids.push(this.#cursor / INODE_SLOT_SIZE);
    this.#nlinks.push(0);
    this.#dataBlocks.push(this.#dataBlockCount);
    this.#hasXattrs ||= inode.xattrs.length > 0;
    this.#cursor = roundUp(this.#cursor + unit.size, INODE_SLOT_SIZE);
    this.#dataBlockCount += unit.dataBlocks;
    if (this.#cursor + this.#dataBlockCount * BLOCK_SIZE <= BOOTSTRAP_BYTES_MAX) return number;
    throw new RafsLimitError(`the image's metadata passes ${BOOTSTRAP_BYTES_MAX} bytes`, {
      remedy: 'use a larger --chunk-size or fewer files',
    });
  }
}
