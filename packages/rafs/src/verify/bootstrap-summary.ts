/** What a complete walk of a bootstrap found. */
export type BootstrapSummary = {
  readonly inodes: number;
  readonly directories: number;
  /** Regular files, each once however many names it has. */
  readonly files: number;
  readonly symlinks: number;
  /** Devices, fifos and sockets. */
  readonly specials: number;
  /** Names, without `.` and `..`. */
  readonly names: number;
  /** Content of all files together, bytes. */
  readonly bytes: number;
  /** Chunk entries of all files; a chunk used twice counts twice. */
  readonly chunks: number;
  /** Entries whose chunk has no record, so that its digest must come from the blob. */
  readonly chunksWithoutRecord: number;
  readonly chunkRecords: number;
  readonly blobs: number;
  readonly xattrs: number;
  /** Attributes named `trusted.overlay.*` or `user.overlay.*`: orders to an overlayfs above. */
  readonly overlayXattrs: number;
  /** Character devices 0:0: whiteouts to an overlayfs above. */
  readonly overlayWhiteouts: number;
  /** Files with setuid or setgid. */
  readonly setIdFiles: number;
};

/** The same while it is being counted. */
export type BootstrapTally = { -readonly [K in keyof BootstrapSummary]: BootstrapSummary[K] };

export function emptyTally(): BootstrapTally {
  return {
    inodes: 0,
    directories: 0,
    files: 0,
    symlinks: 0,
    specials: 0,
    names: 0,
    bytes: 0,
    chunks: 0,
    chunksWithoutRecord: 0,
    chunkRecords: 0,
    blobs: 0,
    xattrs: 0,
    overlayXattrs: 0,
    overlayWhiteouts: 0,
    setIdFiles: 0,
  };
}
