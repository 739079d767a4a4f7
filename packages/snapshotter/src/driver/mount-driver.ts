/**
 * What a mount driver is: it brings a verified image metadata file and its blobs to a mount point.
 * Mount records, mountpoint checks and the choice of images are the mount service's.
 */
import type { Finding, MountFlags } from '@shoal/linux';

export const DRIVER_NAMES = ['blobfs', 'complete'] as const;
export type DriverName = (typeof DRIVER_NAMES)[number];

/** A blob as a driver sees it. `CachedBlob` of the blob store is one. */
export type DriverBlob = {
  /** 64 hex digits. */
  readonly blobId: string;
  /**
   * Key and name of the served file, [0-9a-z-]{1,80}: equal keys are one file, counted over its
   * mounts. Two policies or two descriptions of one blob need two keys. @default blobId
   */
  readonly servedAs?: string;
  /** The sparse device file, `sizeBytes` long. */
  readonly path: string;
  readonly sizeBytes: number;
  /** One bit per 4 KiB block, least significant first. */
  readonly readyMap: SharedArrayBuffer;
  readonly isComplete: boolean;
  /**
   * Brings a range of the device file in; rejects when that finally failed. Resolves with a
   * Uint8Array of exactly the range when the disk is full and the bytes could not be kept.
   */
  ensure(
    offset: number,
    length: number,
    options: {
      readonly priority: 'demand';
      readonly signal: AbortSignal;
      /** Signalled once blocks of it are ready; never closed. */
      readonly readyEventFd?: number;
    },
  ): Promise<unknown>;
};

export type DriverMountRequest = {
  /** Names the mount in the driver's records; [a-z0-9-]{1,64}. */
  readonly mountId: string;
  /** The metadata file (bootstrap), already verified, root-owned, on a disk file system. */
  readonly metadataFile: string;
  /** In the order of the image's device table. */
  readonly blobs: readonly DriverBlob[];
  readonly mountpoint: string;
  readonly flags: MountFlags;
  /** Present: an overlay with this upper and work directory on top (same disk file system). */
  readonly writable?: { readonly upper: string; readonly work: string };
};

export type DriverMount = {
  readonly mountId: string;
  readonly driver: DriverName;
  readonly mountpoint: string;
  readonly directIo: boolean;
  /** How it came to be: `adopted` mounts never noticed that the daemon was away. */
  readonly origin: 'mounted' | 'adopted' | 'remounted';
};

/** A mount that is there and of which no request could be made. */
export type LostMount = { readonly mountpoint: string; readonly error: unknown };

export type DriverMountFailure = { readonly mountId: string; readonly error: unknown };

export interface MountDriver extends AsyncDisposable {
  readonly name: DriverName;
  mount(
    request: DriverMountRequest,
    options?: { readonly signal?: AbortSignal },
  ): Promise<DriverMount>;
  /** Rejects with ERR_LINUX_MOUNT_BUSY, naming who, unless lazy. */
  unmount(mountId: string, options?: { readonly lazy?: boolean }): Promise<void>;
  /**
   * Resolves when nothing reads these blobs any more: after a lazy unmount programs go on with the
   * files they have open, and the blobs must stay until the last is closed. Also when the driver ends.
   */
  whenUnread(blobs: readonly DriverBlob[]): Promise<void>;
  /**
   * Once, before the first `mount`, with every mount that should exist: adopts what survived and
   * mounts the rest again. Never needs the network. One failing mount does not stop the others.
   *
   * @throws SessionKeptError when every mount that survived is `lost`: the next start may do better
   */
  restore(
    requests: readonly DriverMountRequest[],
    lost?: readonly LostMount[],
  ): Promise<{
    readonly mounts: readonly DriverMount[];
    readonly failures: readonly DriverMountFailure[];
  }>;
  /** Numbers for `status`; undefined when the driver has no daemon part. */
  stats(): DriverStats | undefined;
  /** Leaves mounts in place for a successor process. */
  close(): Promise<void>;
  /** Unmounts nothing, but ends the driver's session and holder: only when no mount is left. */
  shutDown(): Promise<void>;
}

export type DriverStats = {
  readonly reads: number;
  readonly readyReads: number;
  readonly missReads: number;
  readonly failedReads: number;
  readonly bytesRead: number;
  readonly waiting: number;
};

/** A driver as `--driver` and `doctor` list it. */
export type DriverFacts = {
  readonly name: string;
  readonly usable: boolean;
  /** Why it can or cannot be used here. */
  readonly reason: string;
  readonly probes: readonly Finding[];
};
