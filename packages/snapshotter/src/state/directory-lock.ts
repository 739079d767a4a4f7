/** A directory that one process at a time uses. The kernel ends the lock (flock) with its holder. */
import { open } from 'node:fs/promises';
import { tryFlock } from '@shoal/linux/syscalls';

export type DirectoryLock = AsyncDisposable;

/** Holds the directory until disposed of; undefined: another does. Where there are no locks all get it. */
export async function lockDirectory(directory: string): Promise<DirectoryLock | undefined> {
  const handle = await open(directory, 'r');
  const release = () => handle.close();
  try {
    if (tryFlock(handle.fd) !== false) return { [Symbol.asyncDispose]: release };
  } catch (error) {
    await release();
    throw error;
  }
  await release();
  return undefined;
}
