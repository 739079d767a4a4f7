/** The options of mounts, shared by every kind. */

/** Per-mount flags. Absent means: the safe value (read-only for EROFS, nosuid, nodev). */
export type MountFlags = {
  /** @default true */
  readonly nosuid?: boolean;
  /** @default true */
  readonly nodev?: boolean;
  /** @default false */
  readonly noexec?: boolean;
  /** Ignored by EROFS, which is always read-only. @default false */
  readonly readOnly?: boolean;
};

export type ErofsMountOptions = {
  /** The metadata image (a RAFS v6 bootstrap). On ext4, xfs or btrfs, not tmpfs or overlayfs. */
  readonly metadataFile: string;
  /** Device files in the order of the image's device table, as many as it has. */
  readonly devices: readonly string[];
  readonly mountpoint: string;
  readonly flags?: MountFlags;
  /** Try the `directio` option first, then without. @default true */
  readonly directIo?: boolean;
};

export type OverlayMountOptions = {
  /** Lower directories, topmost first. */
  readonly lower: readonly string[];
  /** Absent together with `work`: a read-only overlay. */
  readonly upper?: string;
  readonly work?: string;
  readonly mountpoint: string;
  readonly flags?: MountFlags;
};

/** One line of mountinfo. */
export type MountEntry = {
  readonly mountId: number;
  readonly parentId: number;
  readonly major: number;
  readonly minor: number;
  readonly root: string;
  readonly mountpoint: string;
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, ... */
  readonly propagation: readonly string[];
  readonly fileSystem: string;
  readonly source: string;
  readonly superOptions: readonly string[];
};
