/**
 * The directory of a cache: private, and locked so that two processes never share it. The lock is
 * the kernel's (flock), so it ends with its holder, however that ends.
 */
import { chmod, type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errorCode } from '@shoal/errors';
import { flockExclusive, pseudoFileSystemOf } from '@shoal/linux';
import { CacheDirectoryError, CacheLockedError } from '../errors.ts';

const LOCK_FILE = 'shoal.lock';
const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;

/** Holds the directory until closed. */
export async function lockCacheDirectory(directory: string): Promise<FileHandle> {
  await prepare(directory);
  const lock = await open(join(directory, LOCK_FILE), 'a', PRIVATE_FILE);
  try {
    if (!flockExclusive(lock.fd)) throw new CacheLockedError(directory);
    return lock;
  } catch (error) {
    await lock.close();
    throw error;
  }
}

async function prepare(directory: string): Promise<void> {
  const path = resolve(directory);
  const pseudo = await pseudoFileSystemOf(path);
  if (pseudo !== undefined) {
    throw new CacheDirectoryError(
      `${directory} cannot hold a cache: it lies in a pseudo file system (${pseudo})`,
      {
        remedy: 'give a directory on a disk (--cache, or --root of the daemon)',
      },
    );
  }
  try {
    await makePrivate(path);
  } catch (error) {
    throw new CacheDirectoryError(`cache directory ${directory} cannot be made or entered`, {
      cause: error,
      remedy: 'give a directory that is writable for the daemon',
    });
  }
}

async function makePrivate(path: string): Promise<void> {
  const mode = await modeOf(path);
  if (mode === undefined) {
    const parent = dirname(path);
    if ((await modeOf(parent)) === undefined) await makePrivate(parent);
    await mkdir(path, { mode: PRIVATE_DIRECTORY });
  } else if ((mode & 0o077) !== 0) {
    // Tools that ask for holes in device files would see zeros: nobody else may look.
    await chmod(path, PRIVATE_DIRECTORY);
  }
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) throw new TypeError(`${path} is not a directory`);
    return found.mode;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
