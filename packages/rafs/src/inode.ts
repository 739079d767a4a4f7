/**
 * Inodes, 32 bytes compact or 64 bytes extended (docs/format.md, "Inodes"). Shoal writes extended
 * ones only, because compact ones lose times and device numbers; both are read.
 */
import { RafsCorruptError } from './errors.ts';
import type { InodeAttributes } from './inode-attributes.ts';
import { InodeKind, kindOfMode, modeTypeOf } from './inode-kind.ts';
import { readI64, readU64, writeI64, writeU64 } from './integers.ts';

export const COMPACT_INODE_SIZE = 32;
export const EXTENDED_INODE_SIZE = 64;
const XATTR_HEADER_SIZE = 12;
const NANOSECONDS = 1_000_000_000;
const PERMISSION_BITS = 0o7777;

export const COMPACT_INODE_FIELD = {
  format: 0,
  xattrCount: 2,
  mode: 4,
  nlink: 6,
  size: 8,
  reserved: 12,
  union: 16,
  ino: 20,
  uid: 24,
  gid: 26,
  reserved2: 28,
} as const;
export const EXTENDED_INODE_FIELD = {
  format: 0,
  xattrCount: 2,
  mode: 4,
  reserved: 6,
  size: 8,
  union: 16,
  ino: 20,
  uid: 24,
  gid: 28,
  seconds: 32,
  nanoseconds: 40,
  nlink: 44,
  reserved2: 48,
} as const;
const WHERE = 'inode';

/** Where the data of an inode is: bits 1 to 3 of `i_format`. */
export const InodeLayout = { plain: 0, inline: 2, chunked: 4 } as const;
export type InodeLayout = (typeof InodeLayout)[keyof typeof InodeLayout];

export type RafsInode = InodeAttributes & {
  readonly nid: number;
  /** Byte offset in the bootstrap. */
  readonly offset: number;
  /** The builder's running number; readers show the nid instead. */
  readonly ino: number;
  readonly nlink: number;
  readonly size: number;
  readonly layout: InodeLayout;
  readonly isExtended: boolean;
  /** Bytes of the attribute area, 0 when there is none. */
  readonly xattrBytes: number;
  /** `i_u`: chunk format, first data block or device number, by kind. */
  readonly union: number;
};

/** What the writer knows of an inode; everything else follows. */
export type InodeFields = Omit<RafsInode, 'nid' | 'offset' | 'rdev' | 'isExtended'>;

/** Size of the inode itself, without attributes. */
export function inodeSize(inode: Pick<RafsInode, 'isExtended'>): number {
  return inode.isExtended ? EXTENDED_INODE_SIZE : COMPACT_INODE_SIZE;
}

/** Where attributes end and tail or chunk entries begin (these after padding to 8). */
export function inodeBodyOffset(inode: RafsInode): number {
  return inode.offset + inodeSize(inode) + inode.xattrBytes;
}

/** Bytes of an attribute area by `i_xattr_icount`. */
export function xattrBytesOf(count: number): number {
  return count === 0 ? 0 : XATTR_HEADER_SIZE + 4 * (count - 1);
}

/** Writes an extended inode, 64 bytes. */
export function encodeInode(inode: InodeFields, bytes: Buffer, offset: number): void {
  const at = EXTENDED_INODE_FIELD;
  const count = inode.xattrBytes === 0 ? 0 : (inode.xattrBytes - XATTR_HEADER_SIZE) / 4 + 1;
  bytes.writeUInt16LE(1 | (inode.layout << 1), offset + at.format);
  bytes.writeUInt16LE(count, offset + at.xattrCount);
  bytes.writeUInt16LE(modeTypeOf(inode.kind) | inode.mode, offset + at.mode);
  writeU64(bytes, inode.size, offset + at.size);
  bytes.writeUInt32LE(inode.union, offset + at.union);
  bytes.writeUInt32LE(inode.ino, offset + at.ino);
  bytes.writeUInt32LE(inode.uid, offset + at.uid);
  bytes.writeUInt32LE(inode.gid, offset + at.gid);
  writeI64(bytes, inode.seconds, offset + at.seconds);
  bytes.writeUInt32LE(inode.nanoseconds, offset + at.nanoseconds);
  bytes.writeUInt32LE(inode.nlink, offset + at.nlink);
}

/** Size of the inode whose first bytes these are; throws for formats v6 does not have. */
export function decodeInodeSize(format: number): number {
  if (format >>> 4 !== 0) {
    throw new RafsCorruptError(WHERE, `unknown format bits 0x${format.toString(16)}`);
  }
  return (format & 1) === 0 ? COMPACT_INODE_SIZE : EXTENDED_INODE_SIZE;
}

/** Reads the inode at `offset`; the bytes of its whole size must be there. */
export function decodeInode(bytes: Buffer, offset: number, nid: number): RafsInode {
  const format = bytes.readUInt16LE(offset);
  const isExtended = decodeInodeSize(format) === EXTENDED_INODE_SIZE;
  const mode = bytes.readUInt16LE(offset + EXTENDED_INODE_FIELD.mode);
  const kind = kindOfMode(mode);
  if (kind === undefined) throw corrupt(nid, `unknown type in mode 0${mode.toString(8)}`);
  const inode = {
    nid,
    offset,
    kind,
    mode: mode & PERMISSION_BITS,
    layout: decodeLayout(format, nid, kind),
    isExtended,
    xattrBytes: xattrBytesOf(bytes.readUInt16LE(offset + EXTENDED_INODE_FIELD.xattrCount)),
    ...(isExtended ? decodeExtended(bytes, offset) : decodeCompact(bytes, offset)),
  };
  if (isExtended && bytes.readUInt16LE(offset + EXTENDED_INODE_FIELD.reserved) !== 0) {
    // Linux 6.15 and later take it for the high bits of the first data block.
    throw corrupt(nid, 'a reserved field is set');
  }
  if (inode.nlink === 0) throw corrupt(nid, 'its link count is 0');
  if (inode.nanoseconds >= NANOSECONDS) throw corrupt(nid, 'its nanoseconds are out of range');
  const isDevice = kind === InodeKind.character || kind === InodeKind.block;
  return { ...inode, rdev: isDevice ? inode.union : 0 };
}

type WidthDependent = Pick<
  RafsInode,
  'size' | 'union' | 'ino' | 'uid' | 'gid' | 'seconds' | 'nanoseconds' | 'nlink'
>;

function decodeExtended(bytes: Buffer, offset: number): WidthDependent {
  const at = EXTENDED_INODE_FIELD;
  return {
    size: readU64(bytes, offset + at.size, WHERE),
    union: bytes.readUInt32LE(offset + at.union),
    ino: bytes.readUInt32LE(offset + at.ino),
    uid: bytes.readUInt32LE(offset + at.uid),
    gid: bytes.readUInt32LE(offset + at.gid),
    seconds: readI64(bytes, offset + at.seconds, WHERE),
    nanoseconds: bytes.readUInt32LE(offset + at.nanoseconds),
    nlink: bytes.readUInt32LE(offset + at.nlink),
  };
}

function decodeCompact(bytes: Buffer, offset: number): WidthDependent {
  const at = COMPACT_INODE_FIELD;
  return {
    size: bytes.readUInt32LE(offset + at.size),
    union: bytes.readUInt32LE(offset + at.union),
    ino: bytes.readUInt32LE(offset + at.ino),
    uid: bytes.readUInt16LE(offset + at.uid),
    gid: bytes.readUInt16LE(offset + at.gid),
    seconds: 0,
    nanoseconds: 0,
    nlink: bytes.readUInt16LE(offset + at.nlink),
  };
}

function decodeLayout(format: number, nid: number, kind: InodeKind): InodeLayout {
  const layout = (format >>> 1) & 7;
  const isChunked = layout === InodeLayout.chunked;
  if (kind === InodeKind.regular && isChunked) return InodeLayout.chunked;
  if (kind !== InodeKind.regular && layout === InodeLayout.plain) return InodeLayout.plain;
  if (kind !== InodeKind.regular && layout === InodeLayout.inline) return InodeLayout.inline;
  throw corrupt(nid, `data layout ${layout} does not fit its kind`);
}

function corrupt(nid: number, detail: string): RafsCorruptError {
  return new RafsCorruptError(`inode ${nid}`, detail);
}
