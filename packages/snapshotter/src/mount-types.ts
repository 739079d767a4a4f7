/**
 * What goes into the mount service and what comes out of it: requests, answers and status.
 * All of it is JSON, because it crosses the control socket as it is.
 */
import type { Digest } from '@shoal/oci';

/** What a reader of missing bytes gets while they cannot be fetched. Never zeros. */
export type MissPolicy =
  /** The reader waits until the bytes come. Failures that cannot heal are EIO. */
  | { readonly kind: 'wait' }
  /** As `wait`, but EIO after `timeoutMs`. */
  | { readonly kind: 'deadline'; readonly timeoutMs: number }
  /** EIO at the first failure. */
  | { readonly kind: 'fail' };

/** How the source of an image is reached. Paths only: secrets stay in the files they name. */
export type SourceOptions = {
  readonly plainHttp?: boolean | undefined;
  /** Do not verify TLS certificates. */
  readonly insecure?: boolean | undefined;
  /** Directory of the `config.json` that holds the caller's registry credentials. */
  readonly dockerConfigDirectory?: string | undefined;
  readonly caFile?: string | undefined;
  readonly clientCertificateFile?: string | undefined;
  readonly clientKeyFile?: string | undefined;
};

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

export type LatencySummary = {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** Bytes by source, and by cause where the store tells; compressed, as they crossed the wire. */
export type FetchedBytes = {
  readonly bySource: Readonly<Record<string, number>>;
  readonly byCause: Readonly<Record<string, number>>;
};

export type FailureStatus = {
  readonly reason: string;
  readonly at: string;
  readonly count: number;
};

export type BlobStatus = {
  readonly blobId: string;
  /** Uncompressed size of the blob, and how much of it is here. */
  readonly bytesTotal: number;
  readonly bytesPresent: number;
  readonly isComplete: boolean;
  readonly fetched: FetchedBytes;
  /** Ranged requests sent to the source. */
  readonly requests: number;
  readonly misses: LatencySummary;
  /** Misses being waited for now, and why the oldest is not answered yet. */
  readonly waiting: number;
  readonly waitingReason?: string | undefined;
  /** Reads answered with EIO. */
  readonly errors: number;
  /** Chunks or fetches the cache refused: corrupt bytes, failed sources. */
  readonly corruptChunks: number;
  /** Bytes handed to readers without being kept, because the disk was full. */
  readonly bytesPassedThrough: number;
  readonly lastError?: FailureStatus | undefined;
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
