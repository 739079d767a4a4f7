/**
 * Directory data (docs/format.md, "Directories"): 4 KiB blocks of 12-byte entries followed by the
 * names. All names, `.` and `..` included, are sorted by bytes over the whole directory.
 */
import type { ByteString } from './byte-string.ts';
import { byteString } from './byte-string.ts';
import { RafsCorruptError } from './errors.ts';
import type { InodeKind } from './inode-kind.ts';
import { direntTypeOf, kindOfDirentType } from './inode-kind.ts';
import { readU64, writeU64 } from './integers.ts';
import { BLOCK_SIZE } from './layout.ts';
import { NAME_BYTES_MAX } from './limits.ts';

export const DIRENT_SIZE = 12;
export const DIRENT_FIELD = { nid: 0, nameOffset: 8, type: 10, reserved: 11 } as const;
const AT = DIRENT_FIELD;
const WHERE = 'directory block';
const NUL = 0;

export type DirectoryEntry = {
  readonly name: ByteString;
  readonly nid: number;
  readonly type: InodeKind;
};

/** Names of a directory in order, cut into blocks: index of the first name of each, and the size. */
export type DirectoryPlan = { readonly starts: readonly number[]; readonly size: number };

/** How sorted names fill blocks; a name that does not fit the rest of a block starts the next. */
export function planDirectory(names: readonly ByteString[]): DirectoryPlan {
  const starts = [0];
  let used = 0;
  for (const [index, name] of names.entries()) {
    const need = DIRENT_SIZE + name.length;
    if (used + need > BLOCK_SIZE) {
      starts.push(index);
      used = 0;
    }
    used += need;
  }
  return { starts, size: (starts.length - 1) * BLOCK_SIZE + used };
}

/** Writes one block's entries and names at `offset`; the rest of the block is left as it is. */
export function encodeDirectoryBlock(
  entries: readonly DirectoryEntry[],
  bytes: Buffer,
  offset: number,
): void {
  let nameOffset = entries.length * DIRENT_SIZE;
  let at = offset;
  for (const { name, nid, type } of entries) {
    writeU64(bytes, nid, at + AT.nid);
    bytes.writeUInt16LE(nameOffset, at + AT.nameOffset);
    bytes.writeUInt8(direntTypeOf(type), at + AT.type);
    bytes.write(name, offset + nameOffset, 'latin1');
    nameOffset += name.length;
    at += DIRENT_SIZE;
  }
}

/** Entries of one block of at most 4096 bytes; in the last block exactly the used bytes. */
export function decodeDirectoryBlock(block: Buffer): DirectoryEntry[] {
  const count = decodeEntryCount(block);
  const entries: DirectoryEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = index * DIRENT_SIZE;
    const start = block.readUInt16LE(at + AT.nameOffset);
    const isLast = index === count - 1;
    const end = isLast
      ? endOfNames(block, start)
      : block.readUInt16LE(at + DIRENT_SIZE + AT.nameOffset);
    const type = kindOfDirentType(block.readUInt8(at + AT.type));
    if (type === undefined) throw new RafsCorruptError(WHERE, 'an entry is of unknown type');
    entries.push({
      name: decodeName(block, start, end, count * DIRENT_SIZE),
      nid: readU64(block, at + AT.nid, WHERE),
      type,
    });
  }
  return entries;
}

function decodeEntryCount(block: Buffer): number {
  if (block.length < DIRENT_SIZE) throw new RafsCorruptError(WHERE, 'too short for one entry');
  const first = block.readUInt16LE(AT.nameOffset);
  if (first === 0 || first % DIRENT_SIZE !== 0 || first >= block.length) {
    throw new RafsCorruptError(WHERE, `the first name cannot start at byte ${first}`);
  }
  return first / DIRENT_SIZE;
}

function endOfNames(block: Buffer, start: number): number {
  const nul = start < block.length ? block.indexOf(NUL, start) : -1;
  return nul === -1 ? block.length : nul;
}

function decodeName(block: Buffer, start: number, end: number, namesStart: number): ByteString {
  const length = end - start;
  if (start < namesStart || end > block.length || length < 1 || length > NAME_BYTES_MAX) {
    throw new RafsCorruptError(WHERE, `a name cannot span bytes ${start} to ${end}`);
  }
  const name = byteString(block.subarray(start, end));
  if (name.includes('\0') || name.includes('/')) {
    throw new RafsCorruptError(WHERE, 'a name holds a slash or a zero byte');
  }
  return name;
}
