/**
 * May an image be mounted there? A mount hides what is below it: over a system directory it makes
 * the host unusable, on a pseudo file system it confuses the kernel's own interfaces.
 */
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { errorCode, shellWord } from '@shoal/errors';
import { isMountpoint, pseudoFileSystemOf } from '@shoal/linux';
import { MountpointError } from '../errors.ts';
import { MOUNTS_MAX } from '../limits.ts';
import type { MountRecord } from '../state/mount-record.ts';

/** Neither these nor anything below them. */
const SYSTEM_TREES = [
  '/proc',
  '/sys',
  '/dev',
  '/boot',
  '/etc',
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
] as const;

/** Not these themselves; ordinary directories below them are fine. */
const SYSTEM_DIRECTORIES = [
  '/',
  '/run',
  '/var',
  '/var/lib',
  '/var/log',
  '/var/run',
  '/var/tmp',
  '/home',
  '/root',
  '/tmp',
] as const;

/**
 * The real path of a mountpoint that may be used.
 *
 * @param reserved directories of the daemon itself
 * @throws MountpointError
 */
export async function checkMountpoint(
  mountpoint: string,
  reserved: readonly string[],
): Promise<string> {
  if (!isAbsolute(mountpoint)) throw new MountpointError(mountpoint, 'the path is not absolute');
  const real = await resolveDirectory(mountpoint);
  refuseSystemPaths(mountpoint, real);
  for (const directory of reserved) {
    const own = await realpath(directory).catch(() => directory);
    if (isWithin(own, real) || isWithin(real, own)) {
      throw new MountpointError(mountpoint, `${directory} is used by the daemon itself`);
    }
  }
  const kind = await pseudoFileSystemOf(real);
  if (kind !== undefined) {
    throw new MountpointError(mountpoint, `it lies on a pseudo file system (${kind})`);
  }
  return real;
}

/** Refuses a place where something is mounted, and one mount too many. @throws MountpointError */
export function refuseTaken(
  mountpoint: string,
  mounts: ReadonlyMap<string, { readonly record: MountRecord }>,
): void {
  const there = mounts.get(mountpoint);
  if (there !== undefined) {
    throw new MountpointError(
      mountpoint,
      `${there.record.reference} is mounted there already`,
      `unmount it first: shoal unmount ${shellWord(mountpoint)}`,
    );
  }
  if (isMountpoint(mountpoint)) {
    throw new MountpointError(mountpoint, 'something is mounted there already');
  }
  if (mounts.size >= MOUNTS_MAX) {
    throw new MountpointError(mountpoint, `${MOUNTS_MAX} images are mounted already`);
  }
}

async function resolveDirectory(mountpoint: string): Promise<string> {
  try {
    const real = await realpath(mountpoint);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') {
      throw new MountpointError(mountpoint, 'it does not exist', `create it: mkdir ${mountpoint}`);
    }
    throw new MountpointError(mountpoint, code ?? String(error));
  }
  throw new MountpointError(mountpoint, 'it is not a directory');
}

function refuseSystemPaths(mountpoint: string, real: string): void {
  const exact: readonly string[] = SYSTEM_DIRECTORIES;
  const tree = SYSTEM_TREES.find((directory) => isWithin(real, directory));
  if (tree === undefined && !exact.includes(real)) return;
  const via = real === mountpoint ? '' : ` (it leads to ${real})`;
  throw new MountpointError(mountpoint, `the host needs what is there${via}`);
}

/** True for `directory` itself and for everything below it. */
export function isWithin(path: string, directory: string): boolean {
  if (directory === '/') return true;
  return path === directory || path.startsWith(`${directory}/`);
}
