/**
 * How the blobs of a mount are reached, what a reader gets while they cannot be, and what they cost so
 * far. All of it is JSON, because it crosses the control socket as it is.
 */

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
