/**
 * A bootstrap opened for reading. Superblock and tables are checked when it is opened; inodes,
 * directories, attributes and chunk entries when they are asked for, so opening is quick and every
 * access is bounded. `verifyBootstrap` walks everything once.
 */
import type { BlobTableEntry } from './blob-table-entry.ts';
import type { BootstrapTables } from './bootstrap-tables.ts';
import { decodeTables } from './bootstrap-tables.ts';
import type { ByteString } from './byte-string.ts';
import { byteString } from './byte-string.ts';
import type { ChunkEntry } from './chunk-entry.ts';
import { CHUNK_ENTRY_SIZE, decodeChunkEntry } from './chunk-entry.ts';
import type { ChunkRecord } from './chunk-record.ts';
import { CHUNK_RECORD_SIZE, decodeChunkRecord } from './chunk-record.ts';
import { ChunkRecordIndex } from './chunk-record-index.ts';
import { requireRafsV6 } from './detect-format.ts';
import type { DeviceSlot } from './device-slot.ts';
import type { DirectoryEntry } from './directory-block.ts';
import { decodeDirectoryBlock } from './directory-block.ts';
import { RafsCorruptError, RafsLimitError } from './errors.ts';
import type { ExtendedSuperblock } from './extended-superblock.ts';
import { decodeExtendedSuperblock, EXTENDED_SUPERBLOCK_SIZE } from './extended-superblock.ts';
import {
  COMPACT_INODE_SIZE,
  decodeInode,
  decodeInodeSize,
  InodeLayout,
  inodeBodyOffset,
  inodeSize,
  type RafsInode,
} from './inode.ts';
import { InodeKind } from './inode-kind.ts';
import { roundUp, sliceExactly } from './integers.ts';
import {
  BLOCK_SIZE,
  EXTENDED_SUPERBLOCK_OFFSET,
  INODE_SLOT_SIZE,
  SUPERBLOCK_OFFSET,
} from './layout.ts';
import { BOOTSTRAP_BYTES_MAX, FILE_BYTES_MAX, SYMLINK_BYTES_MAX } from './limits.ts';
import type { Superblock } from './superblock.ts';
import { decodeSuperblock, SUPERBLOCK_SIZE } from './superblock.ts';
import type { Xattr } from './xattr-area.ts';
import { decodeXattrs } from './xattr-area.ts';

/**
 * Opens a bootstrap; keeps the bytes, copies nothing. Throws ERR_RAFS_V5, ERR_RAFS_NYDUS_V3,
 * ERR_RAFS_NOT_RAFS, ERR_RAFS_UNSUPPORTED, ERR_RAFS_CORRUPT, ERR_RAFS_TRUNCATED, ERR_RAFS_LIMIT.
 */
export function openBootstrap(bytes: Buffer): Bootstrap {
  requireRafsV6(bytes);
  if (bytes.length > BOOTSTRAP_BYTES_MAX) {
    throw new RafsLimitError(`the bootstrap has more than ${BOOTSTRAP_BYTES_MAX} bytes`);
  }
  if (bytes.length % BLOCK_SIZE !== 0) {
    throw new RafsCorruptError('bootstrap', `${bytes.length} bytes are no whole number of blocks`);
  }
  const superblock = decodeSuperblock(
    sliceExactly(bytes, SUPERBLOCK_OFFSET, SUPERBLOCK_SIZE, 'superblock'),
  );
  const extended = decodeExtendedSuperblock(
    sliceExactly(bytes, EXTENDED_SUPERBLOCK_OFFSET, EXTENDED_SUPERBLOCK_SIZE, 'superblock'),
  );
  return new Bootstrap(bytes, superblock, extended, decodeTables(bytes, superblock, extended));
}

/** A run of a directory's or symlink's data: where it lies in the bootstrap. */
type DataExtent = { readonly offset: number; readonly size: number };

export class Bootstrap {
  readonly bytes: Buffer;
  readonly superblock: Superblock;
  readonly extended: ExtendedSuperblock;
  readonly deviceSlots: readonly DeviceSlot[];
  readonly blobs: readonly BlobTableEntry[];
  /** What the image asks to be fetched first; one entry equal to `rootNid` means everything. */
  readonly prefetchNids: readonly number[];
  readonly #chunkRecords: Buffer;
  #recordIndex: ChunkRecordIndex | undefined;

  constructor(
    bytes: Buffer,
    superblock: Superblock,
    extended: ExtendedSuperblock,
    tables: BootstrapTables,
  ) {
    this.bytes = bytes;
    this.superblock = superblock;
    this.extended = extended;
    this.deviceSlots = tables.deviceSlots;
    this.blobs = tables.blobs;
    this.prefetchNids = tables.prefetchNids;
    this.#chunkRecords = tables.chunkRecords;
  }

  get flags(): number {
    return this.extended.flags;
  }

  get compressor(): ExtendedSuperblock['compressor'] {
    return this.extended.compressor;
  }

  get digester(): ExtendedSuperblock['digester'] {
    return this.extended.digester;
  }

  get chunkSize(): number {
    return this.extended.chunkSize;
  }

  get rootNid(): number {
    return this.superblock.rootNid;
  }

  /** Records in the chunk table; 0 when digests are only in the blobs. */
  get chunkRecordCount(): number {
    return this.#chunkRecords.length / CHUNK_RECORD_SIZE;
  }

  /** The root directory. */
  root(): RafsInode {
    return this.inode(this.rootNid);
  }

  /** Throws ERR_RAFS_CORRUPT for a nid outside the file, a nid of 0 or a broken inode. */
  inode(nid: number): RafsInode {
    const where = `inode ${nid}`;
    if (!Number.isSafeInteger(nid) || nid < 1) throw new RafsCorruptError(where, 'no such number');
    const offset = this.superblock.metaBlockAddress * BLOCK_SIZE + nid * INODE_SLOT_SIZE;
    const head = sliceExactly(this.bytes, offset, COMPACT_INODE_SIZE, where);
    sliceExactly(this.bytes, offset, decodeInodeSize(head.readUInt16LE(0)), where);
    const inode = decodeInode(this.bytes, offset, nid);
    sliceExactly(this.bytes, offset, inodeSize(inode) + inode.xattrBytes, where);
    return inode;
  }

  /** Entries in byte order of their names, without `.` and `..`. */
  *directory(inode: RafsInode): Generator<DirectoryEntry, void, undefined> {
    for (const entry of this.directoryWithDots(inode)) {
      if (entry.name !== '.' && entry.name !== '..') yield entry;
    }
  }

  /** All entries as stored, `.` and `..` among them. */
  *directoryWithDots(inode: RafsInode): Generator<DirectoryEntry, void, undefined> {
    this.#require(inode, InodeKind.directory);
    for (const { offset, size } of this.#dataExtents(inode)) {
      yield* decodeDirectoryBlock(this.bytes.subarray(offset, offset + size));
    }
  }

  /** The entry of that name, or undefined. */
  lookup(directory: RafsInode, name: ByteString): DirectoryEntry | undefined {
    for (const entry of this.directory(directory)) if (entry.name === name) return entry;
    return undefined;
  }

  /** Target of a symlink, 1 to 4096 bytes. */
  symlinkTarget(inode: RafsInode): ByteString {
    this.#require(inode, InodeKind.symlink);
    if (inode.size === 0 || inode.size > SYMLINK_BYTES_MAX) {
      throw new RafsCorruptError(`inode ${inode.nid}`, `a symlink target of ${inode.size} bytes`);
    }
    const [extent] = [...this.#dataExtents(inode)];
    const offset = extent?.offset ?? 0;
    const target = byteString(this.bytes.subarray(offset, offset + inode.size));
    if (!target.includes('\0')) return target;
    throw new RafsCorruptError(`inode ${inode.nid}`, 'its symlink target holds a zero byte');
  }

  xattrs(inode: RafsInode): readonly Xattr[] {
    const end = inodeBodyOffset(inode);
    return decodeXattrs(this.bytes.subarray(end - inode.xattrBytes, end));
  }

  /** Chunks of a regular file: one per started `chunkSize` bytes. */
  chunkCount(inode: RafsInode): number {
    this.#require(inode, InodeKind.regular);
    if (inode.size > FILE_BYTES_MAX) {
      throw new RafsLimitError(`inode ${inode.nid} has more than ${FILE_BYTES_MAX} bytes`);
    }
    return Math.ceil(inode.size / this.chunkSize);
  }

  /** Entry of the chunk that holds byte `number * chunkSize` of the file. */
  chunkEntry(inode: RafsInode, number: number): ChunkEntry {
    const offset = roundUp(inodeBodyOffset(inode), CHUNK_ENTRY_SIZE) + number * CHUNK_ENTRY_SIZE;
    sliceExactly(this.bytes, offset, CHUNK_ENTRY_SIZE, `inode ${inode.nid}`);
    return decodeChunkEntry(this.bytes, offset);
  }

  /** All entries of a file. */
  chunkEntries(inode: RafsInode): readonly ChunkEntry[] {
    const count = this.chunkCount(inode);
    const start = roundUp(inodeBodyOffset(inode), CHUNK_ENTRY_SIZE);
    sliceExactly(this.bytes, start, count * CHUNK_ENTRY_SIZE, `inode ${inode.nid}`);
    return Array.from({ length: count }, (_, number) => this.chunkEntry(inode, number));
  }

  /** What the chunk table says of a chunk; undefined when it has no record. */
  chunkRecord(blobIndex: number, chunkIndex: number): ChunkRecord | undefined {
    this.#recordIndex ??= new ChunkRecordIndex(this.#chunkRecords);
    const offset = this.#recordIndex.find(blobIndex, chunkIndex);
    return offset === undefined ? undefined : decodeChunkRecord(this.#chunkRecords, offset);
  }

  /** All records in table order. */
  *chunkRecords(): Generator<ChunkRecord, void, undefined> {
    for (let at = 0; at < this.#chunkRecords.length; at += CHUNK_RECORD_SIZE) {
      yield decodeChunkRecord(this.#chunkRecords, at);
    }
  }

  #require(inode: RafsInode, kind: InodeKind): void {
    if (inode.kind === kind) return;
    throw new RafsCorruptError(`inode ${inode.nid}`, 'it is of another kind than its name says');
  }

  /** Data of a directory or symlink, one extent per block. */
  *#dataExtents(inode: RafsInode): Generator<DataExtent, void, undefined> {
    const where = `inode ${inode.nid}`;
    const fullBlocks = Math.floor(inode.size / BLOCK_SIZE);
    const tail = inode.size % BLOCK_SIZE;
    const start = inode.union * BLOCK_SIZE;
    const isInline = inode.layout === InodeLayout.inline;
    // Kernel and nydusd take the last block of inline data for the tail, even a whole one.
    if (isInline && tail === 0 && inode.size > 0) throw inlineTooLarge(inode);
    sliceExactly(this.bytes, 0, inode.size, where);
    for (let block = 0; block < fullBlocks; block++) {
      const offset = start + block * BLOCK_SIZE;
      sliceExactly(this.bytes, offset, BLOCK_SIZE, where);
      yield { offset, size: BLOCK_SIZE };
    }
    if (tail === 0) return;
    const offset = isInline ? inodeBodyOffset(inode) : start + fullBlocks * BLOCK_SIZE;
    if (isInline && (offset % BLOCK_SIZE) + tail > BLOCK_SIZE) throw inlineTooLarge(inode);
    sliceExactly(this.bytes, offset, tail, where);
    yield { offset, size: tail };
  }
}

function inlineTooLarge(inode: RafsInode): RafsCorruptError {
  return new RafsCorruptError(`inode ${inode.nid}`, 'its inline data crosses a block');
}
