/**
 * One archive member as the decoder hands it out: every header, PAX record and sparse map that
 * belongs to it already applied. Names, link targets and attribute values are bytes.
 */
export const TarEntryType = {
  regular: 'regular',
  hardlink: 'hardlink',
  symlink: 'symlink',
  character: 'character',
  block: 'block',
  directory: 'directory',
  fifo: 'fifo',
} as const;
export type TarEntryType = (typeof TarEntryType)[keyof typeof TarEntryType];

/** Seconds since 1970, rounded down (negative before), and the rest in nanoseconds (0..999999999). */
export type Timestamp = { readonly seconds: number; readonly nanoseconds: number };

export type TarXattr = { readonly name: Buffer; readonly value: Buffer };

/** A stretch of a sparse file that has bytes in the archive; everything between is a hole. */
export type SparseExtent = { readonly offset: number; readonly length: number };

export type TarEntry = {
  readonly name: Buffer;
  readonly type: TarEntryType;
  /** Permission, setuid, setgid and sticky bits: at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Logical size in bytes of a regular file (holes included), 0 for everything else. */
  readonly size: number;
  readonly mtime: Timestamp;
  /** Target of a hard or symbolic link, empty otherwise. */
  readonly linkName: Buffer;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly xattrs: readonly TarXattr[];
  /** Byte offset of the entry's own header block in the archive. */
  readonly offset: number;
};

/**
 * Receives the archive in order. `onData` bytes are views into what was pushed: valid only during
 * the call. For one regular file the lengths of `onData` and `onHole` add up to `entry.size`.
 */
export type TarHandler = {
  onEntry(entry: TarEntry): void;
  onData(bytes: Buffer): void;
  onHole(length: number): void;
  onEntryEnd(): void;
};
