/**
 * What goes into the mount service and what comes out of it: requests, answers and status.
 * All of it is JSON, because it crosses the control socket as it is.
 */
import type { Digest } from '@shoal/oci';
import type { BlobStatus, MissPolicy, SourceOptions } from '../blobs/blob-types.ts';

export const DRIVER_CHOICES = ['auto', 'blobfs', 'complete'] as const;
export type DriverChoice = (typeof DRIVER_CHOICES)[number];

export type MountRequest = {
  /** The image as the user wrote it; layout paths absolute. */
  readonly reference: string;
  /** Absolute path of an existing directory. */
  readonly mountpoint: string;
  readonly driver?: DriverChoice | undefined;
  /** Where blobs are kept. @default `<root>/cache` */
  readonly cacheDirectory?: string | undefined;
  readonly isWritable?: boolean | undefined;
  readonly allowSuid?: boolean | undefined;
  readonly allowDevices?: boolean | undefined;
  /** `os/arch[/variant]` to pick from an index. @default the host's */
  readonly platform?: string | undefined;
  readonly source?: SourceOptions | undefined;
  readonly missPolicy?: MissPolicy | undefined;
};

/** An image that overlays of containers lie on. */
export type LowerMountRequest = {
  /** Names the converted image's manifest by digest. */
  readonly reference: string;
  /** A directory of the daemon itself; it exists. */
  readonly mountpoint: string;
  /** Key of stored metadata to use instead of the manifest's bootstrap layer. */
  readonly bootstrapDigest?: Digest | undefined;
};

export type MountAnswer = {
  readonly mountpoint: string;
  readonly reference: string;
  /** Digest of the manifest that is mounted. */
  readonly manifestDigest: string;
  /** Digest of the manifest that was named, when the mounted one was found as its referrer. */
  readonly referrerOf?: string | undefined;
  readonly driver: string;
  readonly driverReason: string;
  /** Where a writable mount keeps what is written; it stays there after unmount. */
  readonly upperDirectory?: string | undefined;
};

export type UnmountRequest = {
  readonly mountpoint: string;
  /** Detach now, end when the last user leaves. */
  readonly isLazy?: boolean | undefined;
  /** Also delete what was written to a writable mount. */
  readonly discardWrites?: boolean | undefined;
};

export type UnmountAnswer = {
  readonly mountpoint: string;
  readonly upperDirectory?: string | undefined;
};

/** A mount request that runs. */
export type MountProgress = {
  readonly mountpoint: string;
  readonly reference: string;
  /** Manifests, bootstrap and chunk tables fetched for it so far. */
  readonly bytesFetched: number;
};

export type DrainRequest = {
  /** Detach busy mounts, too; they end when their last user leaves. */
  readonly isLazy?: boolean | undefined;
};

export type DrainAnswer = {
  readonly unmounted: readonly string[];
  /** Busy, and mounted on: they need no daemon. */
  readonly left: readonly string[];
  /** Busy, and their readers need the daemon, which therefore stays. */
  readonly busy: readonly { readonly mountpoint: string; readonly reason: string }[];
  /** Lazily unmounted images that are still read. */
  readonly lingering: number;
};

export type MountStatus = {
  readonly mountpoint: string;
  readonly reference: string;
  readonly manifestDigest: string;
  readonly driver: string;
  readonly driverReason: string;
  readonly isWritable: boolean;
  readonly upperDirectory?: string | undefined;
  readonly missPolicy: MissPolicy;
  readonly cacheDirectory: string;
  readonly mountedAt: string;
  readonly bytesTotal: number;
  readonly bytesPresent: number;
  readonly blobs: readonly BlobStatus[];
};

/** Reads the kernel sent to a driver since the daemon started. */
export type DriverStatus = {
  readonly name: string;
  readonly reads: number;
  /** Answered at once: the bytes were here. */
  readonly readyReads: number;
  readonly missReads: number;
  readonly failedReads: number;
  readonly bytesRead: number;
  readonly waiting: number;
};

/** Everything `shoal status` shows. */
export type ServiceStatus = {
  /** Drivers that have a part in the daemon. */
  readonly drivers: readonly DriverStatus[];
  readonly mounts: readonly MountStatus[];
  /** Records that do not decode, mounts that could not be restored: kept, named, not served. */
  readonly problems: readonly string[];
};
