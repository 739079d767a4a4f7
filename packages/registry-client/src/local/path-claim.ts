/**
 * One process at a time for as long as it takes: a file that its holder has locked (flock). The
 * kernel ends the lock with its holder, however that ends: after a loss of power, or a container that
 * was killed, the file is still there and anybody may take it, one of them gets it.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { tryFlock } from '@shoal/linux/syscalls';
import { LocalFileError } from '../errors.ts';
import { PATH_CLAIM_TRIES_MAX } from '../limits.ts';
import { fileError } from './regular-file.ts';

export type PathClaim = { release(): Promise<void> };

type ClaimFile = { readonly handle: FileHandle; readonly isNew: boolean };

// Writable, because NFS gives an exclusive lock to nothing else.
const THERE = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const NEW = THERE | constants.O_CREAT | constants.O_EXCL;

/**
 * Undefined when somebody else has it. Errors name `shownPath` where `path` is known to this program
 * only. Throws `ERR_REGISTRY_CLIENT_FILE`.
 */
export async function claimPath(path: string, shownPath = path): Promise<PathClaim | undefined> {
  try {
    for (let tries = 0; tries < PATH_CLAIM_TRIES_MAX; tries++) {
      const file = await openClaimFile(path);
      if (file === undefined) continue;
      const isOurs = await take(file, path, shownPath);
      if (isOurs === undefined) continue;
      return isOurs ? claimOf(file.handle, path) : undefined;
    }
    return undefined;
  } catch (error) {
    if (error instanceof LocalFileError) throw error;
    throw fileError(error, `${shownPath} cannot be made`);
  }
}

/** Undefined when its holder has removed it in between. */
async function openClaimFile(path: string): Promise<ClaimFile | undefined> {
  try {
    return { handle: await open(path, NEW, 0o666), isNew: true };
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  try {
    return { handle: await open(path, THERE), isNew: false };
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Whether it is ours now; undefined when the file is no longer the one under the name. */
async function take(
  { handle, isNew }: ClaimFile,
  path: string,
  shownPath: string,
): Promise<boolean | undefined> {
  let isOurs: boolean | undefined = false;
  try {
    if (!(await handle.stat()).isFile()) {
      throw new LocalFileError(`${shownPath} is not a regular file`, { remedy: 'move it away' });
    }
    // Where there are no locks, whoever has made it has it.
    const isLocked = tryFlock(handle.fd) ?? isNew;
    if (isLocked) isOurs = (await isUnderItsName(handle, path)) ? true : undefined;
    return isOurs;
  } finally {
    if (isOurs !== true) await handle.close();
  }
}

function claimOf(handle: FileHandle, path: string): PathClaim {
  return {
    async release() {
      try {
        // While it is locked: nobody takes what is about to go without noticing.
        if (await isUnderItsName(handle, path)) await unlink(path);
      } catch {
        // A file without a lock is in nobody's way.
      } finally {
        await handle.close();
      }
    },
  };
}

async function isUnderItsName(handle: FileHandle, path: string): Promise<boolean> {
  const ours = await handle.stat({ bigint: true });
  try {
    const there = await stat(path, { bigint: true });
    return there.dev === ours.dev && there.ino === ours.ino;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
