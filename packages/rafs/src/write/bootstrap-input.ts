/** What the writer of bootstraps takes: a tree, its chunks and its blobs. */
import type { Compressor, Digester } from '../algorithms.ts';
import type { BlobTableEntry } from '../blob-table-entry.ts';
import type { ByteString } from '../byte-string.ts';
import type { InodeAttributes } from '../inode-attributes.ts';
import type { XattrInput } from '../xattr-area.ts';

/** A file system object without its names; one object under several names is a hard link. */
export type BuildInode = InodeAttributes & {
  readonly xattrs: readonly XattrInput[];
  readonly size: number;
  /** Numbers of a regular file's chunks in the chunk source: one, or several in order. */
  readonly chunks: number | Uint32Array | undefined;
  /** Target of a symlink, '' otherwise. */
  readonly target: ByteString;
  /** Children of a directory, undefined otherwise. */
  readonly children: ReadonlyMap<ByteString, { readonly inode: BuildInode }> | undefined;
};

/** Where a chunk lies in its blob. */
export type ChunkPlacement = {
  readonly storedOffset: number;
  /** Equal to `size` when the chunk is stored uncompressed. */
  readonly storedSize: number;
  /** Byte offset in the uncompressed blob, a multiple of 4096. */
  readonly offset: number;
  readonly size: number;
};

/** The chunks a tree refers to by number, in whatever form the caller keeps them. */
export type ChunkSource = {
  readonly count: number;
  digest(number: number): Buffer;
  /** Position of the chunk's blob in the input's `blobs`. */
  blobOf(number: number): number;
  /** Position of the chunk in its blob. */
  indexOf(number: number): number;
  sizeOf(number: number): number;
  offsetOf(number: number): number;
  place(number: number): ChunkPlacement;
  /**
   * Bits of `ChunkFlag`. @default compressed when `storedSize` differs from `size`
   */
  flagsOf?(number: number): number;
  /** CRC-32C of a chunk flagged to have one. @default 0 */
  crc32cOf?(number: number): number;
};

export type BootstrapInput = {
  readonly root: BuildInode;
  readonly chunkSize: number;
  readonly compressor: Compressor;
  readonly digester: Digester;
  /** In the order of their index; only blobs that some file needs. */
  readonly blobs: readonly BlobTableEntry[];
  readonly chunks: ChunkSource;
  /** Objects to fetch first; a directory stands for all below it. @default none */
  readonly prefetch?: readonly BuildInode[];
  /** Whether every blob carries its chunk digests. */
  readonly hasInlinedDigests: boolean;
  /**
   * Whether hard-linked symlinks, devices, fifos and sockets share one inode. nydus-image does not
   * write that; nydus-image, nydusd and the kernel accept it. @default true
   */
  readonly shareSpecialInodes?: boolean;
};
