/** The status of one mount, put together from its record and its blobs. */
import type { DriverStats } from './driver/index.ts';
import type { MountRecord } from './mount-record.ts';
import type { DriverStatus, MountAnswer, MountStatus } from './mount-types.ts';
import type { ServedBlob } from './served-blob.ts';
import { writableDirectories } from './writable.ts';

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
