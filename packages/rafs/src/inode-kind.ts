/**
 * Kinds of file system objects and their two numberings on disk: the type bits of `i_mode` and the
 * type byte of a directory entry. The numbers of `InodeKind` are those of the converter's entries
 * (3, the hard link of an archive, is no kind of inode).
 */
export const InodeKind = {
  regular: 0,
  directory: 1,
  symlink: 2,
  character: 4,
  block: 5,
  fifo: 6,
  socket: 7,
} as const;
export type InodeKind = (typeof InodeKind)[keyof typeof InodeKind];

/** Bits 12 to 15 of `st_mode`, by kind. */
const MODE_TYPES = new Map<InodeKind, number>([
  [InodeKind.fifo, 0x1000],
  [InodeKind.character, 0x2000],
  [InodeKind.directory, 0x4000],
  [InodeKind.block, 0x6000],
  [InodeKind.regular, 0x8000],
  [InodeKind.symlink, 0xa000],
  [InodeKind.socket, 0xc000],
]);

/** Type byte of a directory entry, by kind. */
const DIRENT_TYPES = new Map<InodeKind, number>([
  [InodeKind.regular, 1],
  [InodeKind.directory, 2],
  [InodeKind.character, 3],
  [InodeKind.block, 4],
  [InodeKind.fifo, 5],
  [InodeKind.socket, 6],
  [InodeKind.symlink, 7],
]);

const KIND_OF_MODE = inverted(MODE_TYPES);
const KIND_OF_DIRENT = inverted(DIRENT_TYPES);

export function modeTypeOf(kind: InodeKind): number {
  return MODE_TYPES.get(kind) ?? 0;
}

/** Kind of an `st_mode`, or undefined when its type bits mean nothing. */
export function kindOfMode(mode: number): InodeKind | undefined {
  return KIND_OF_MODE.get(mode & 0xf000);
}

export function direntTypeOf(kind: InodeKind): number {
  return DIRENT_TYPES.get(kind) ?? 0;
}

/** Kind of a directory entry's type byte, or undefined when it means nothing. */
export function kindOfDirentType(type: number): InodeKind | undefined {
  return KIND_OF_DIRENT.get(type);
}

function inverted(numbers: ReadonlyMap<InodeKind, number>): ReadonlyMap<number, InodeKind> {
  return new Map([...numbers].map(([kind, number]) => [number, kind]));
}
