/** Reply -> kernel message. */
import { FLAT_NAME_BYTES_MAX } from '../limits.ts';
import {
  attr,
  attrOut,
  dirent,
  entryOut,
  FOPEN_KEEP_CACHE,
  FUSE_ROOT_ID,
  kstatfs,
  NotifyCode,
  notifyInvalEntryOut,
  openOut,
  outHeader,
} from './kernel-structs.ts';

/** What a reply says of a node. */
export type NodeFacts = { readonly nodeId: number; readonly sizeBytes: number };

/** Seconds the kernel may keep attributes: files never change while they exist. */
const ATTRIBUTES_VALID_SECONDS = 86_400n * 365n;
const BLOCK_BYTES = 4096;
const SECTOR_BYTES = 512;
const MODE_FILE = 0o100400;
const MODE_DIRECTORY = 0o040500;
const TYPE_DIRECTORY = 4;
const TYPE_REGULAR = 8;

/** A successful reply with a body. */
export function encodeReply(unique: bigint, ...body: readonly Buffer[]): Buffer {
  const length = body.reduce((sum, part) => sum + part.length, outHeader.size);
  return Buffer.concat([outHeader.encode({ len: length, error: 0, unique }), ...body]);
}

/** An error reply; `errno` is positive. */
export function encodeErrorReply(unique: bigint, errno: number): Buffer {
  return outHeader.encode({ len: outHeader.size, error: -errno, unique });
}

/** Writes the header of a reply whose body of `length` bytes is already behind it. */
export function writeReplyHeader(into: Buffer, unique: bigint, length: number): void {
  into.writeUInt32LE(outHeader.size + length, outHeader.offsets.len);
  into.writeInt32LE(0, outHeader.offsets.error);
  into.writeBigUInt64LE(unique, outHeader.offsets.unique);
}

/** Asks the kernel to send every request again that nobody has answered (Linux 6.9). */
export function encodeResend(): Buffer {
  return outHeader.encode({ len: outHeader.size, error: NotifyCode.RESEND, unique: 0n });
}

/** Has the kernel drop a name of the root directory from its cache; who has it open goes on. */
export function encodeInvalidateEntry(name: string): Buffer {
  const bytes = Buffer.from(`${name}\0`, 'utf8');
  const what = { parent: BigInt(FUSE_ROOT_ID), namelen: bytes.length - 1 };
  const body = [notifyInvalEntryOut.encode(what), bytes];
  const len = outHeader.size + notifyInvalEntryOut.size + bytes.length;
  return Buffer.concat([
    outHeader.encode({ len, error: NotifyCode.INVAL_ENTRY, unique: 0n }),
    ...body,
  ]);
}

export function encodeAttributes(node: NodeFacts): Buffer {
  const isRoot = node.nodeId === FUSE_ROOT_ID;
  return attr.encode({
    ino: BigInt(node.nodeId),
    size: BigInt(node.sizeBytes),
    blocks: BigInt(Math.ceil(node.sizeBytes / SECTOR_BYTES)),
    mode: isRoot ? MODE_DIRECTORY : MODE_FILE,
    nlink: isRoot ? 2 : 1,
    blksize: BLOCK_BYTES,
  });
}

export function encodeAttributesReply(unique: bigint, node: NodeFacts): Buffer {
  const head = attrOut.encode({ attr_valid: ATTRIBUTES_VALID_SECONDS });
  return encodeReply(unique, head, encodeAttributes(node));
}

/** An entry that is looked up again every time: files come and go, and paths are rarely walked. */
export function encodeEntryReply(unique: bigint, node: NodeFacts): Buffer {
  const head = entryOut.encode({
    nodeid: BigInt(node.nodeId),
    attr_valid: ATTRIBUTES_VALID_SECONDS,
  });
  return encodeReply(unique, head, encodeAttributes(node));
}

export function encodeOpenReply(unique: bigint): Buffer {
  return encodeReply(unique, openOut.encode({ open_flags: FOPEN_KEEP_CACHE }));
}

export function encodeStatfsReply(unique: bigint, fileCount: number): Buffer {
  const facts = kstatfs.encode({
    files: BigInt(fileCount),
    bsize: BLOCK_BYTES,
    frsize: BLOCK_BYTES,
    namelen: FLAT_NAME_BYTES_MAX,
  });
  return encodeReply(unique, facts);
}

export type DirectoryEntry = {
  readonly nodeId: number;
  /** Bytes as latin1. */
  readonly name: string;
};

/** As many entries from index `from` as fit into `sizeMax` bytes; none is the end. */
export function encodeDirectoryReply(
  unique: bigint,
  entries: readonly DirectoryEntry[],
  from: number,
  sizeMax: number,
): Buffer {
  const parts: Buffer[] = [];
  let size = 0;
  for (let index = from; index < entries.length; index += 1) {
    const entry = entries[index];
    if (entry === undefined) break;
    const name = Buffer.from(entry.name, 'latin1');
    const padding = Buffer.alloc(-name.length & 7);
    const entrySize = dirent.size + name.length + padding.length;
    if (size + entrySize > sizeMax) break;
    size += entrySize;
    const head = dirent.encode({
      ino: BigInt(entry.nodeId),
      off: BigInt(index + 1),
      namelen: name.length,
      type: entry.nodeId === FUSE_ROOT_ID ? TYPE_DIRECTORY : TYPE_REGULAR,
    });
    parts.push(head, name, padding);
  }
  return encodeReply(unique, ...parts);
}
