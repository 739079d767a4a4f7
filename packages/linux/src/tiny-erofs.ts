/**
 * A writer for the smallest useful EROFS images: one directory of plain files whose bytes lie on
 * external devices. The probes mount one to see what this kernel does, and tests mount many.
 * Real images are RAFS bootstraps and come from the rafs package.
 *
 * Layout (erofs_fs.h of Linux 6.12): block 0 holds the superblock at 1024; device slots follow in
 * block 1; then the directory blocks; then the inodes, each with its chunk table.
 */

export const EROFS_BLOCK_BYTES = 4096;

/** A run of one file: `blocks` blocks from `block` of device `device` (1 is the first). */
export type TinyErofsRun = { readonly device: number; readonly block: number };

export type TinyErofsFile = {
  /** Ascii, unique. */
  readonly name: string;
  /** 0o644 for data, 0o755 for programs. */
  readonly mode: number;
  readonly sizeBytes: number;
  /** Where each 4 KiB block of the file is. */
  readonly runs: readonly TinyErofsRun[];
};

const SUPERBLOCK_OFFSET = 1024;
const SUPERBLOCK_MAGIC = 0xe0f5_e1e2;
const BLOCK_BITS = 12;
const DEVICE_SLOT_BYTES = 128;
const INCOMPAT_CHUNKED_FILE = 0x4;
const INCOMPAT_DEVICE_TABLE = 0x8;
const INODE_BYTES = 64;
const NID_BYTES = 32;
const DIRENT_BYTES = 12;
const CHUNK_INDEX_BYTES = 8;
const EXTENDED_INODE = 1;
const LAYOUT_FLAT_PLAIN = 0 << 1;
const LAYOUT_CHUNK_BASED = 4 << 1;
const CHUNK_FORMAT_INDEXES = 0x20;
const TYPE_REGULAR = 1;
const TYPE_DIRECTORY = 2;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;

type Entry = { readonly name: string; readonly nid: number; readonly type: number };

function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** Directory blocks: each has its entries' fixed parts first, then their names. */
function encodeDirectory(entries: readonly Entry[]): Buffer {
  const blocks: Buffer[] = [];
  let rest = [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
  while (rest.length > 0) {
    let count = 0;
    for (let used = 0; count < rest.length; count += 1) {
      used += DIRENT_BYTES + (rest[count]?.name.length ?? 0);
      if (used > EROFS_BLOCK_BYTES) break;
    }
    const block = Buffer.alloc(EROFS_BLOCK_BYTES);
    let nameOffset = count * DIRENT_BYTES;
    rest.slice(0, count).forEach((entry, index) => {
      block.writeBigUInt64LE(BigInt(entry.nid), index * DIRENT_BYTES);
      block.writeUInt16LE(nameOffset, index * DIRENT_BYTES + 8);
      block.writeUInt8(entry.type, index * DIRENT_BYTES + 10);
      nameOffset += block.write(entry.name, nameOffset, 'latin1');
    });
    blocks.push(block);
    rest = rest.slice(count);
  }
  return Buffer.concat(blocks);
}

function encodeInode(
  mode: number,
  layout: number,
  sizeBytes: number,
  union: number,
  ino: number,
): Buffer {
  const inode = Buffer.alloc(INODE_BYTES);
  inode.writeUInt16LE(EXTENDED_INODE | layout, 0);
  inode.writeUInt16LE(mode, 4);
  inode.writeBigUInt64LE(BigInt(sizeBytes), 8);
  inode.writeUInt32LE(union, 16);
  inode.writeUInt32LE(ino, 20);
  inode.writeUInt32LE((mode & S_IFDIR) === S_IFDIR ? 2 : 1, 44);
  return inode;
}

function encodeFile(file: TinyErofsFile, ino: number): Buffer {
  const inode = encodeInode(
    S_IFREG | file.mode,
    LAYOUT_CHUNK_BASED,
    file.sizeBytes,
    CHUNK_FORMAT_INDEXES,
    ino,
  );
  const table = Buffer.alloc(file.runs.length * CHUNK_INDEX_BYTES);
  file.runs.forEach((run, index) => {
    table.writeUInt16LE(run.device, index * CHUNK_INDEX_BYTES + 2);
    table.writeUInt32LE(run.block, index * CHUNK_INDEX_BYTES + 4);
  });
  const bytes = Buffer.concat([inode, table]);
  return Buffer.concat([bytes, Buffer.alloc(alignUp(bytes.length, NID_BYTES) - bytes.length)]);
}

function encodeSuperblock(
  rootNid: number,
  inodes: number,
  blocks: number,
  devices: number,
): Buffer {
  const block = Buffer.alloc(EROFS_BLOCK_BYTES);
  const at = (offset: number) => SUPERBLOCK_OFFSET + offset;
  block.writeUInt32LE(SUPERBLOCK_MAGIC, at(0));
  block.writeUInt8(BLOCK_BITS, at(12));
  block.writeUInt16LE(rootNid, at(14));
  block.writeBigUInt64LE(BigInt(inodes), at(16));
  block.writeUInt32LE(blocks, at(36));
  block.writeUInt32LE(INCOMPAT_CHUNKED_FILE | INCOMPAT_DEVICE_TABLE, at(80));
  block.writeUInt16LE(devices, at(86));
  block.writeUInt16LE(EROFS_BLOCK_BYTES / DEVICE_SLOT_BYTES, at(88));
  return block;
}

/** The image's bytes. `deviceBlocks` gives the size of each device in blocks. */
export function encodeTinyErofs(
  files: readonly TinyErofsFile[],
  deviceBlocks: readonly number[],
): Buffer {
  const slots = Buffer.alloc(alignUp(deviceBlocks.length * DEVICE_SLOT_BYTES, EROFS_BLOCK_BYTES));
  deviceBlocks.forEach((blocks, index) => {
    slots.writeUInt32LE(blocks, index * DEVICE_SLOT_BYTES + 64);
  });
  const rootOffset = EROFS_BLOCK_BYTES + slots.length;
  const rootNid = rootOffset / NID_BYTES;
  const encoded = files.map((file, index) => encodeFile(file, index + 2));
  let nid = rootNid + INODE_BYTES / NID_BYTES;
  const entries: Entry[] = ['.', '..'].map((name) => ({
    name,
    nid: rootNid,
    type: TYPE_DIRECTORY,
  }));
  files.forEach((file, index) => {
    entries.push({ name: file.name, nid, type: TYPE_REGULAR });
    nid += (encoded[index]?.length ?? 0) / NID_BYTES;
  });
  const inodesEnd = alignUp(nid * NID_BYTES, EROFS_BLOCK_BYTES);
  const directory = encodeDirectory(entries);
  const root = encodeInode(
    S_IFDIR | 0o755,
    LAYOUT_FLAT_PLAIN,
    directory.length,
    inodesEnd / EROFS_BLOCK_BYTES,
    1,
  );
  const inodes = Buffer.concat([root, ...encoded]);
  const blocks = (inodesEnd + directory.length) / EROFS_BLOCK_BYTES;
  return Buffer.concat([
    encodeSuperblock(rootNid, files.length + 1, blocks, deviceBlocks.length),
    slots,
    inodes,
    Buffer.alloc(inodesEnd - rootOffset - inodes.length),
    directory,
  ]);
}

/** A file whose bytes are one device from its start. */
export function wholeDeviceFile(
  name: string,
  mode: number,
  sizeBytes: number,
  device: number,
): TinyErofsFile {
  const count = Math.ceil(sizeBytes / EROFS_BLOCK_BYTES);
  const runs = Array.from({ length: count }, (_, block) => ({ device, block }));
  return { name, mode, sizeBytes, runs };
}
