/**
 * What is said on the control socket: HTTP/1.1 over a unix socket, JSON bodies, one path per
 * request. Only root reaches the socket, so there is no other authentication. Paths begin with the
 * version of the protocol.
 */
import { type Digest, isDigest } from '@shoal/oci';
import type { PeerStatus } from '@shoal/p2p-peer';
import type {
  DrainAnswer,
  DrainRequest,
  DriverFacts,
  LazyStatus,
  MountAnswer,
  MountProgress,
  MountRequest,
  MountStatus,
  MountTrace,
  ServiceStatus,
  UnmountAnswer,
  UnmountRequest,
} from '@shoal/snapshotter';
import { DRIVER_CHOICES, missPolicySchema, sourceOptionsSchema } from '@shoal/snapshotter/client';
import * as z from 'zod';
import type { CollectRequest } from '../cache/cache-collector.ts';
import type { CredentialStatus } from '../credential-states.ts';
import { BLOB_READ_BYTES_MAX } from '../limits.ts';
import type { AskedBlob, AskedRange } from '../peers/shared-blobs.ts';

export const CONTROL_PATH = {
  ping: '/v1/ping',
  status: '/v1/status',
  drivers: '/v1/drivers',
  /** The text format of Prometheus; where its tools look for it. */
  metrics: '/metrics',
  mount: '/v1/mount',
  unmount: '/v1/unmount',
  mounting: '/v1/mounting',
  drain: '/v1/drain',
  stop: '/v1/stop',
  trace: '/v1/trace',
  cacheGc: '/v1/cache/gc',
  cacheVerify: '/v1/cache/verify',
  sharing: '/v1/sharing',
  blobRead: '/v1/blob/read',
  blobRefute: '/v1/blob/refute',
} as const;

/** Header of the bytes of a blob: JSON, bytes by whom they came from. */
export const FETCHED_HEADER = 'x-shoal-fetched';

const absolutePath = z
  .string()
  .regex(/^\/[^\0]*$/, 'is not an absolute path')
  .max(4095);

export const mountRequestSchema = z.strictObject({
  reference: z.string().min(1).max(4096),
  mountpoint: absolutePath,
  driver: z.enum(DRIVER_CHOICES).optional(),
  cacheDirectory: absolutePath.optional(),
  isWritable: z.boolean().optional(),
  allowSuid: z.boolean().optional(),
  allowDevices: z.boolean().optional(),
  platform: z.string().max(200).optional(),
  source: sourceOptionsSchema.optional(),
  missPolicy: missPolicySchema.optional(),
}) satisfies z.ZodType<MountRequest>;

export const unmountRequestSchema = z.strictObject({
  mountpoint: absolutePath,
  isLazy: z.boolean().optional(),
  discardWrites: z.boolean().optional(),
}) satisfies z.ZodType<UnmountRequest>;

export const drainRequestSchema = z.strictObject({
  isLazy: z.boolean().optional(),
}) satisfies z.ZodType<DrainRequest>;

/** Stopping leaves every mount to the next daemon. */
export type StopRequest = z.infer<typeof stopRequestSchema>;
export const stopRequestSchema = z.strictObject({
  /** Stay when anything is mounted or being mounted. */
  onlyIfIdle: z.boolean().optional(),
  /** Another daemon is about to take its place: containerd waits at its socket. */
  isReplaced: z.boolean().optional(),
});

export type StopAnswer = { readonly isStopping: boolean; readonly mounts: number };

/** A mountpoint or an image, as it may be written. */
export type TraceRequest = z.infer<typeof traceRequestSchema>;
export const traceRequestSchema = z.strictObject({
  names: z.array(z.string().min(1).max(4096)).min(1).max(4),
});

export const collectRequestSchema = z.strictObject({
  isDryRun: z.boolean().optional(),
  takesAll: z.boolean().optional(),
}) satisfies z.ZodType<CollectRequest>;

const byteCount = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const askedBlobFields = {
  from: z.string().min(1).max(4096),
  source: sourceOptionsSchema.optional(),
  digest: z.custom<Digest>(isDigest, 'is not a digest'),
  size: byteCount,
};

export const askedBlobSchema = z.strictObject(askedBlobFields) satisfies z.ZodType<AskedBlob>;

export const askedRangeSchema = z
  .strictObject({
    ...askedBlobFields,
    offset: byteCount,
    length: z.number().int().min(1).max(BLOB_READ_BYTES_MAX),
  })
  .refine(
    ({ offset, length, size }) => offset + length <= size,
    'is beyond the end',
  ) satisfies z.ZodType<AskedRange>;

/** Of `FETCHED_HEADER`. */
export const fetchedSchema = z.record(z.string(), byteCount);

/** Whether blobs come through other hosts, too. */
export type SharingAnswer = { readonly isSharing: boolean };

/** An error on the wire; never a stack, never a cause. */
export const errorBodySchema = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    remedy: z.string().optional(),
    retryable: z.boolean().optional(),
  }),
});
export type ErrorBody = z.infer<typeof errorBodySchema>;

export type PingAnswer = {
  readonly pid: number;
  readonly version: string;
  readonly root: string;
  readonly run: string;
  readonly startedAt: string;
  /** The file it was told to read; absent: the default one, if it exists. */
  readonly configFile?: string | undefined;
  /** Equal for configurations that say the same. */
  readonly configDigest: string;
  /** The directory it was started from; `bin/shoal` lies below it. */
  readonly home?: string | undefined;
  /** Who starts another one when it ends. Absent: not known. */
  readonly startedBy?: StartedBy | undefined;
};

export const STARTED_BY = ['command', 'service-manager', 'user'] as const;
export type StartedBy = (typeof STARTED_BY)[number];

export const pingSchema = z.object({
  pid: z.number(),
  version: z.string(),
  root: z.string(),
  run: z.string(),
  startedAt: z.string(),
  configFile: z.string().optional(),
  configDigest: z.string(),
  home: z.string().optional(),
  startedBy: z.enum(STARTED_BY).optional(),
}) satisfies z.ZodType<PingAnswer>;

export type SnapshotCounts = {
  readonly active: number;
  readonly view: number;
  readonly committed: number;
};

export type StatusAnswer = ServiceStatus & {
  readonly daemon: PingAnswer;
  /** Those of containerd: which are lazy, and why the others are not. */
  readonly images: LazyStatus;
  /** Of containerd, and the socket where it connects. */
  readonly snapshots: SnapshotCounts & { readonly address: string };
  /** Where containerd itself listens, as far as is known. */
  readonly containerd: { readonly address: string; readonly isThere: boolean };
  /** How this host shares blobs with others; absent where it does not. */
  readonly peer?: PeerStatus | undefined;
  /** Where registries are mirrored; absent where they are not. */
  readonly proxy?: { readonly address: string } | undefined;
  /** Where gets are ordered over HTTP; absent where they are not. */
  readonly api?: { readonly address: string } | undefined;
  /** What registries last said of our credentials. */
  readonly credentials: readonly CredentialStatus[];
};

export type {
  DrainAnswer,
  DrainRequest,
  DriverFacts,
  MountAnswer,
  MountProgress,
  MountStatus,
  MountTrace,
  UnmountAnswer,
};
