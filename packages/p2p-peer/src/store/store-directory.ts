/** The directory of a store: private, ours, and of nothing else. */
import { chmod, lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errorCode, shellWord } from '@shoal/errors';
import { StoreDirectoryError } from '../errors.ts';

const PRIVATE_DIRECTORY = 0o700;
/** In the directory of a store. */
export const INDEX_NAME = 'index';
export const BLOBS_NAME = 'blobs';

/** Makes it and what lies in it, or accepts what is there. Throws `ERR_P2P_STORE_DIRECTORY`. */
export async function prepareStoreDirectory(directory: string): Promise<void> {
  const path = resolve(directory);
  await makePrivate(path);
  const foreign = (await readdir(path)).filter(
    (name) => name !== INDEX_NAME && name !== BLOBS_NAME,
  );
  if (foreign.length > 0) {
    throw new StoreDirectoryError(directory, `it has files of something else (${foreign.length})`);
  }
  for (const name of [INDEX_NAME, BLOBS_NAME]) await makePrivate(join(path, name));
}

/** Makes the directory with its parents, or accepts a private one. Throws `ERR_P2P_STORE_DIRECTORY`. */
export async function makePrivate(path: string): Promise<void> {
  try {
    await makeIfAbsent(path);
    await requireOurs(path);
  } catch (error) {
    if (error instanceof StoreDirectoryError) throw error;
    const problem = errorCode(error) ?? String(error);
    throw new StoreDirectoryError(path, problem, { cause: error });
  }
}

/** Step by step: a recursive mkdir below a pseudo file system never ends in Node. */
async function makeIfAbsent(path: string): Promise<void> {
  if (await isThere(path)) return;
  if (dirname(path) !== path) await makeIfAbsent(dirname(path));
  await mkdir(path, { mode: PRIVATE_DIRECTORY }).catch((error: unknown) => {
    // Another one was faster.
    if (errorCode(error) !== 'EEXIST') throw error;
  });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function requireOurs(path: string): Promise<void> {
  const facts = await lstat(path);
  if (!facts.isDirectory()) throw new StoreDirectoryError(path, 'it is not a directory');
  if (facts.uid !== process.getuid?.()) {
    throw new StoreDirectoryError(path, `it belongs to user ${facts.uid}`);
  }
  if ((facts.mode & 0o022) !== 0) {
    throw new StoreDirectoryError(path, 'others may write to it', {
      remedy: `chmod 0700 ${shellWord(path)}`,
    });
  }
  if ((facts.mode & 0o077) !== 0) await chmod(path, PRIVATE_DIRECTORY);
}
