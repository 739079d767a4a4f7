/** The status of a service and of its mounts, put together from its record and its blobs. */
import { shellWord } from '@shoal/errors';
import { listMounts } from '@shoal/linux';
import type { ServedBlob } from '../blobs/served-blob.ts';
import type { DriverStats, MountDriver } from '../driver/index.ts';
import type { MountRecord } from '../state/mount-record.ts';
import type { DriverStatus, MountAnswer, MountStatus, ServiceStatus } from './mount-types.ts';
import { writableDirectories } from './writable.ts';

export type StatusParts = {
  readonly plans: readonly {
    readonly record: MountRecord;
    readonly blobs: readonly ServedBlob[];
  }[];
  readonly broken: readonly { readonly record: MountRecord; readonly reason: string }[];
  readonly drivers: ReadonlyMap<string, MountDriver>;
  readonly problems: readonly string[];
};

export function serviceStatus({ plans, broken, drivers, problems }: StatusParts): ServiceStatus {
  return {
    mounts: plans.map(({ record, blobs }) => mountStatus(record, blobs)),
    drivers: [...drivers].flatMap(([name, driver]) => {
      const stats = driver.stats();
      return stats === undefined ? [] : [driverStatus(name, stats)];
    }),
    problems: [
      ...problems,
      ...broken.map(({ record, reason }) => `${record.mountpoint}: ${reason}`),
      ...unmountedByOthers(plans),
    ],
  };
}

/** Mounts on record that somebody ended without us; what they keep is freed by our own unmount. */
function unmountedByOthers(plans: StatusParts['plans']): string[] {
  if (plans.length === 0) return [];
  const mounted = new Set(listMounts().map(({ mountpoint }) => mountpoint));
  return plans
    .filter(({ record }) => !mounted.has(record.mountpoint))
    .map(
      ({ record: { mountpoint } }) =>
        `${mountpoint}: somebody unmounted it without shoal; to forget it: shoal unmount ${shellWord(mountpoint)}`,
    );
}

export function mountStatus(record: MountRecord, blobs: readonly ServedBlob[]): MountStatus {
  const blobStatus = blobs.map((blob) => blob.status());
  return {
    mountpoint: record.mountpoint,
    reference: record.reference,
    manifestDigest: record.manifestDigest,
    driver: record.driver,
    driverReason: record.driverReason,
    isWritable: record.writableDirectory !== undefined,
    upperDirectory: upperDirectoryOf(record),
    missPolicy: record.missPolicy,
    cacheDirectory: record.cacheDirectory,
    mountedAt: record.mountedAt,
    bytesTotal: sum(blobStatus.map((blob) => blob.bytesTotal)),
    bytesPresent: sum(blobStatus.map((blob) => blob.bytesPresent)),
    blobs: blobStatus,
  };
}

export function describeMount(record: MountRecord): MountAnswer {
  return {
    mountpoint: record.mountpoint,
    reference: record.reference,
    manifestDigest: record.manifestDigest,
    driver: record.driver,
    driverReason: record.driverReason,
    upperDirectory: upperDirectoryOf(record),
  };
}

export function driverStatus(name: string, stats: DriverStats): DriverStatus {
  const { reads, readyReads, missReads, failedReads, bytesRead, waiting } = stats;
  return { name, reads, readyReads, missReads, failedReads, bytesRead, waiting };
}

export function upperDirectoryOf(record: MountRecord): string | undefined {
  if (record.writableDirectory === undefined) return undefined;
  return writableDirectories(record.writableDirectory).upper;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Bytes and files on the disk; blobs that images share count for each. */
export function mountUsage({ blobs }: { readonly blobs: readonly ServedBlob[] }): {
  size: number;
  inodes: number;
} {
  // The bootstrap is a file, too.
  return { size: sum(blobs.map((blob) => blob.bytesPresent)), inodes: blobs.length + 1 };
}
