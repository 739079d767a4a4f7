/**
 * The part every EROFS driver shares: an image's metadata file over its device files at a mount
 * point, with a writable overlay in between when asked for.
 *
 * The EROFS below an overlay is mounted in a directory of ours only until the overlay has its own
 * clone of it; then that mount goes, so that one image is one mount in everybody's list.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmdirSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { listMounts, type MountEntry, mountErofs, mountOverlay, unmount } from '@shoal/linux';
import { BLOCK_SIZE } from '@shoal/rafs';
import { DriverRequestError } from '../errors.ts';
import type { DriverBlob, DriverMountRequest } from './mount-driver.ts';

const PERMISSION_BITS = 0o7777;
const MOUNT_ID = /^[a-z0-9-]{1,64}$/;
const SERVED_AS = /^[0-9a-z-]{1,80}$/;

/** The key and name under which a blob is served. */
export function servedKey(blob: DriverBlob): string {
  return blob.servedAs ?? blob.blobId;
}

/** Refuses what would go wrong later, in a reader. */
export function checkRequest(request: DriverMountRequest): void {
  if (!MOUNT_ID.test(request.mountId)) {
    throw new DriverRequestError(`mount id ${JSON.stringify(request.mountId)} is malformed`);
  }
  for (const blob of request.blobs) {
    if (!SERVED_AS.test(servedKey(blob))) {
      throw new DriverRequestError(`blob ${blob.blobId}: its served name is malformed`);
    }
    const actual = statSync(blob.path, { throwIfNoEntry: false })?.size ?? 0;
    if (actual < blob.sizeBytes) {
      throw new DriverRequestError(
        `blob ${blob.blobId}: its device file ${blob.path} has ${actual} of ${blob.sizeBytes} bytes`,
        { remedy: 'unmount the image and mount it again' },
      );
    }
    // EROFS answers EIO for the last block of such a device (measured on Linux 6.18).
    if (blob.sizeBytes % BLOCK_SIZE !== 0) {
      throw new DriverRequestError(
        `blob ${blob.blobId}: its device has ${blob.sizeBytes} bytes, not whole 4 KiB blocks`,
        { remedy: 'the image is damaged: convert it again' },
      );
    }
  }
}

function lowerDirectory(stateDirectory: string, mountId: string): string {
  return join(stateDirectory, 'lower', mountId);
}

/** Mounts an image; on failure nothing stays mounted. */
export function mountImage(
  request: DriverMountRequest,
  devices: readonly string[],
  stateDirectory: string,
): { readonly directIo: boolean } {
  const { metadataFile, mountpoint, flags, writable } = request;
  if (writable === undefined) return mountErofs({ metadataFile, devices, mountpoint, flags });
  const lower = lowerDirectory(stateDirectory, request.mountId);
  mkdirSync(lower, { recursive: true, mode: 0o700 });
  try {
    const mounted = mountErofs({ metadataFile, devices, mountpoint: lower, flags });
    try {
      adoptRootAttributes(lower, writable);
      mountOverlay({ ...writable, lower: [lower], mountpoint, flags });
    } finally {
      unmount(lower, { lazy: true });
    }
    return mounted;
  } finally {
    rmdirSync(lower);
  }
}

/**
 * What an overlay shows of its root directory is the upper directory: it starts as the image's. The
 * work directory is empty until an overlay has used it, so later changes of the user stay.
 */
function adoptRootAttributes(
  lower: string,
  { upper, work }: { readonly upper: string; readonly work: string },
): void {
  if (readdirSync(work).length > 0) return;
  // Of the metadata file, which is local: no miss can be behind this.
  const { uid, gid, mode, atime, mtime } = statSync(lower);
  chownSync(upper, uid, gid);
  chmodSync(upper, mode & PERMISSION_BITS);
  utimesSync(upper, atime, mtime);
}

/** True when an image (or an overlay over one) is mounted there, whatever lies over it. */
export function isImageMounted(
  request: DriverMountRequest,
  table: readonly MountEntry[] = listMounts(),
): boolean {
  const fileSystem = request.writable === undefined ? 'erofs' : 'overlay';
  return table.some(
    (entry) => entry.mountpoint === request.mountpoint && entry.fileSystem === fileSystem,
  );
}

/**
 * Takes away what a process that died in the middle of `mountImage` left below our directory. What
 * cannot be taken away is in nobody's way: it is reported, and the start goes on.
 */
export function removeLeftovers(
  stateDirectory: string,
  onFailure: (mountpoint: string, error: unknown) => void = () => undefined,
): void {
  // The kernel names mounts by their real paths.
  const real = existsSync(stateDirectory) ? realpathSync(stateDirectory) : stateDirectory;
  const below = `${join(real, 'lower')}/`;
  for (const entry of listMounts().toReversed()) {
    if (!entry.mountpoint.startsWith(below)) continue;
    try {
      unmount(entry.mountpoint, { lazy: true });
      rmdirSync(entry.mountpoint);
    } catch (error) {
      onFailure(entry.mountpoint, error);
    }
  }
}
