/** Whether an object of the input tree can be expressed in the format; the writer asks for each. */
import type { ByteString } from '../byte-string.ts';
import { printableName } from '../byte-string.ts';
import { RafsInputError } from '../errors.ts';
import { InodeKind } from '../inode-kind.ts';
import { FILE_BYTES_MAX, NAME_BYTES_MAX, SYMLINK_BYTES_MAX } from '../limits.ts';
import type { BuildInode } from './bootstrap-input.ts';

const U32_MAX = 0xffff_ffff;
const NANOSECONDS = 1_000_000_000;

/** Throws ERR_RAFS_INPUT for a name no directory can hold. */
export function checkName(name: ByteString): void {
  const isLegal =
    name.length > 0 &&
    name.length <= NAME_BYTES_MAX &&
    name !== '.' &&
    name !== '..' &&
    !name.includes('/') &&
    !name.includes('\0');
  if (!isLegal) throw new RafsInputError(`a file cannot be called "${printableName(name)}"`);
}

/** Throws ERR_RAFS_INPUT for attributes that do not fit their fields. */
export function checkBuildInode(inode: BuildInode, name: ByteString): void {
  const fail = (detail: string): never => {
    throw new RafsInputError(`${printableName(name)}: ${detail}`);
  };
  if (!isUnsigned(inode.mode, 0o7777)) fail(`mode ${inode.mode} is no permission`);
  if (!isUnsigned(inode.uid, U32_MAX) || !isUnsigned(inode.gid, U32_MAX)) {
    fail(`owner ${inode.uid}:${inode.gid} is out of range`);
  }
  if (!isUnsigned(inode.nanoseconds, NANOSECONDS - 1) || !Number.isSafeInteger(inode.seconds)) {
    fail('its modification time is out of range');
  }
  if (!isUnsigned(inode.rdev, U32_MAX)) fail('its device number is out of range');
  if (!isUnsigned(inode.size, FILE_BYTES_MAX)) fail(`a size of ${inode.size} bytes`);
  checkKind(inode, fail);
}

function checkKind(inode: BuildInode, fail: (detail: string) => never): void {
  if ((inode.kind === InodeKind.directory) !== (inode.children !== undefined)) {
    fail('children and kind disagree');
  }
  const { length } = inode.target;
  if (inode.kind !== InodeKind.symlink) return;
  if (length === 0 || length > SYMLINK_BYTES_MAX) fail(`a symlink target of ${length} bytes`);
  if (inode.target.includes('\0')) fail('its symlink target holds a zero byte');
}

/** Chunk numbers of a regular file in order. */
export function chunksOf({ chunks }: BuildInode): Iterable<number> & { readonly length: number } {
  if (chunks === undefined) return [];
  return typeof chunks === 'number' ? [chunks] : chunks;
}

/** Throws ERR_RAFS_INPUT when a file has more or fewer chunks than its size takes. */
export function checkChunkCount(inode: BuildInode, name: ByteString, chunkSize: number): void {
  if (inode.kind !== InodeKind.regular) return;
  const { length } = chunksOf(inode);
  const expected = Math.ceil(inode.size / chunkSize);
  if (length === expected) return;
  throw new RafsInputError(
    `${printableName(name)}: ${length} chunks for ${inode.size} bytes, which take ${expected}`,
  );
}

function isUnsigned(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
