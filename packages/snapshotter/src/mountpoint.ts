/**
 * May an image be mounted there? A mount hides what is below it: over a system directory it makes
 * the host unusable, on a pseudo file system it confuses the kernel's own interfaces.
 */
import { realpath, stat, statfs } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { errorCode } from '@shoal/errors';
import { MountpointError } from './errors.ts';

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

/** `f_type` of file systems that are interfaces of the kernel (linux/magic.h). */
const PSEUDO_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x9fa0, 'proc'],
  [0x62656572, 'sysfs'],
  [0x1cd1, 'devpts'],
  [0x27e0eb, 'cgroup'],
  [0x63677270, 'cgroup2'],
  [0x64626720, 'debugfs'],
  [0x74726163, 'tracefs'],
  [0x73636673, 'securityfs'],
  [0xcafe4a11, 'bpf'],
  [0x6165676c, 'pstore'],
  [0xde5e81e4, 'efivarfs'],
  [0x62656570, 'configfs'],
  [0x19800202, 'mqueue'],
  [0x958458f6, 'hugetlbfs'],
  [0x42494e4d, 'binfmt_misc'],
  [0x6e736673, 'nsfs'],
]);

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
  const kind = PSEUDO_FILE_SYSTEMS.get((await statfs(real)).type);
  if (kind !== undefined) {
    throw new MountpointError(mountpoint, `it lies on a pseudo file system (${kind})`);
  }
  return real;
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
