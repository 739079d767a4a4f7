/**
 * One complete walk of a bootstrap, made before the kernel or anybody else sees it: every inode,
 * name, attribute and chunk is in bounds and consistent, and no directory is reached twice. Work and
 * memory are bounded by the size of the bytes: what a file could only claim by sharing bytes between
 * structures is refused.
 */
import { Bootstrap, openBootstrap } from '../bootstrap.ts';
import type { ByteString } from '../byte-string.ts';
import { printableName } from '../byte-string.ts';
import { CHUNK_ENTRY_SIZE } from '../chunk-entry.ts';
import type { DirectoryEntry } from '../directory-block.ts';
import { DIRENT_SIZE } from '../directory-block.ts';
import { RafsCorruptError, RafsLimitError } from '../errors.ts';
import type { RafsInode } from '../inode.ts';
import { InodeKind } from '../inode-kind.ts';
import { BLOCK_SIZE, INODE_SLOT_SIZE } from '../layout.ts';
import { INODES_MAX } from '../limits.ts';
import type { BootstrapSummary } from './bootstrap-summary.ts';
import { emptyTally } from './bootstrap-summary.ts';
import { verifyChunkRecords, verifyFileChunks } from './verify-chunks.ts';

export type VerifyLimits = {
  /** @default INODES_MAX */
  readonly inodesMax?: number;
};

/** Throws the coded error of the first rule that is broken; see `openBootstrap` for more codes. */
export function verifyBootstrap(
  source: Buffer | Bootstrap,
  limits: VerifyLimits = {},
): BootstrapSummary {
  const bootstrap = source instanceof Bootstrap ? source : openBootstrap(source);
  verifyMappedDevices(bootstrap);
  verifyChunkRecords(bootstrap);
  return new BootstrapWalk(bootstrap, limits.inodesMax ?? INODES_MAX).run();
}

/**
 * The kernel reads addresses of the bootstrap that fall into the range a device is mapped at from
 * that device: directories could then come from bytes that nobody verified.
 */
function verifyMappedDevices({ bytes, deviceSlots }: Bootstrap): void {
  for (const { blobId, mappedBlockAddress } of deviceSlots) {
    if (mappedBlockAddress === 0 || mappedBlockAddress * BLOCK_SIZE >= bytes.length) continue;
    throw new RafsCorruptError('device slot', `blob ${blobId} is mapped over the metadata`);
  }
}

const OVERLAY_XATTR = /^(?:trusted|user)\.overlay\./;
const SET_ID_BITS = 0o6000;

type PendingDirectory = { readonly inode: RafsInode; readonly parentNid: number };

class BootstrapWalk {
  readonly #bootstrap: Bootstrap;
  readonly #inodesMax: number;
  readonly #tally = emptyTally();
  /** One bit per inode slot. */
  readonly #seen: Uint8Array;
  readonly #pending: PendingDirectory[] = [];
  #bytesLeft: number;

  constructor(bootstrap: Bootstrap, inodesMax: number) {
    this.#bootstrap = bootstrap;
    this.#inodesMax = inodesMax;
    this.#seen = new Uint8Array(Math.ceil(bootstrap.bytes.length / INODE_SLOT_SIZE / 8));
    this.#bytesLeft = bootstrap.bytes.length;
  }

  run(): BootstrapSummary {
    const root = this.#bootstrap.root();
    if (root.kind !== InodeKind.directory) throw corrupt(root, 'the root is no directory');
    this.#visit(root, root.nid);
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) {
      this.#walkDirectory(next);
    }
    for (const nid of this.#bootstrap.prefetchNids) {
      if (!this.#isSeen(nid)) {
        throw new RafsCorruptError('prefetch table', `inode ${nid} is not in the tree`);
      }
    }
    this.#tally.blobs = this.#bootstrap.blobs.length;
    this.#tally.chunkRecords = this.#bootstrap.chunkRecordCount;
    return this.#tally;
  }

  #walkDirectory({ inode, parentNid }: PendingDirectory): void {
    let last: ByteString | undefined;
    let dots = 0;
    for (const entry of this.#bootstrap.directoryWithDots(inode)) {
      this.#spend(inode, DIRENT_SIZE + entry.name.length);
      if (last !== undefined && last >= entry.name) {
        throw corrupt(inode, `its names are not in order at ${printableName(entry.name)}`);
      }
      last = entry.name;
      if (entry.name === '.' || entry.name === '..') {
        dots++;
        const expected = entry.name === '.' ? inode.nid : parentNid;
        if (entry.nid === expected && entry.type === InodeKind.directory) continue;
        throw corrupt(inode, `its entry ${entry.name} points elsewhere`);
      }
      this.#walkEntry(inode, entry);
    }
    if (dots !== 2) throw corrupt(inode, 'it lacks . or ..');
  }

  #walkEntry(directory: RafsInode, entry: DirectoryEntry): void {
    this.#tally.names++;
    const inode = this.#bootstrap.inode(entry.nid);
    if (inode.kind !== entry.type) {
      throw corrupt(directory, `the type of ${printableName(entry.name)} is not its inode's`);
    }
    if (!this.#isSeen(entry.nid)) this.#visit(inode, directory.nid);
    else if (inode.kind === InodeKind.directory) {
      throw corrupt(inode, `the directory has a second name, ${printableName(entry.name)}`);
    }
  }

  /** First sight of an inode: everything but a directory's entries is checked here. */
  #visit(inode: RafsInode, parentNid: number): void {
    const tally = this.#tally;
    this.#seen[inode.nid >>> 3] = (this.#seen[inode.nid >>> 3] ?? 0) | (1 << (inode.nid & 7));
    if (++tally.inodes > this.#inodesMax) {
      throw new RafsLimitError(`the image has more than ${this.#inodesMax} inodes`);
    }
    this.#visitXattrs(inode);
    if ((inode.mode & SET_ID_BITS) !== 0 && inode.kind === InodeKind.regular) tally.setIdFiles++;
    if (inode.kind === InodeKind.directory) {
      tally.directories++;
      this.#pending.push({ inode, parentNid });
    } else if (inode.kind === InodeKind.symlink) {
      tally.symlinks++;
      this.#spend(inode, this.#bootstrap.symlinkTarget(inode).length);
    } else if (inode.kind === InodeKind.regular) {
      this.#visitFile(inode);
    } else {
      tally.specials++;
      if (inode.kind === InodeKind.character && inode.rdev === 0) tally.overlayWhiteouts++;
    }
  }

  #visitFile(inode: RafsInode): void {
    const tally = this.#tally;
    // Counted before the walk, so that a huge claim costs nothing.
    this.#spend(inode, this.#bootstrap.chunkCount(inode) * CHUNK_ENTRY_SIZE);
    const { chunks, withoutRecord } = verifyFileChunks(this.#bootstrap, inode);
    tally.files++;
    tally.bytes += inode.size;
    tally.chunks += chunks;
    tally.chunksWithoutRecord += withoutRecord;
  }

  #visitXattrs(inode: RafsInode): void {
    this.#spend(inode, inode.xattrBytes);
    const xattrs = this.#bootstrap.xattrs(inode);
    this.#tally.xattrs += xattrs.length;
    for (const { name } of xattrs) if (OVERLAY_XATTR.test(name)) this.#tally.overlayXattrs++;
  }

  /** Structures that do not share bytes cannot take more than the file has. */
  #spend(inode: RafsInode, bytes: number): void {
    this.#bytesLeft -= bytes;
    if (this.#bytesLeft < 0) throw corrupt(inode, 'structures of the image overlap');
  }

  #isSeen(nid: number): boolean {
    return ((this.#seen[nid >>> 3] ?? 0) & (1 << (nid & 7))) !== 0;
  }
}

function corrupt(inode: RafsInode, detail: string): RafsCorruptError {
  return new RafsCorruptError(`inode ${inode.nid}`, detail);
}
