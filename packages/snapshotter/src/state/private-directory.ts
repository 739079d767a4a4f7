/**
 * Directories only root may look into: 0700 and ours. Built step by step, because a recursive
 * mkdir below a pseudo file system never ends in Node.
 */
import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode, shellWord } from '@shoal/errors';
import { DirectoryError } from '../errors.ts';

/**
 * Creates `path` and its missing parents with mode 0700, or accepts one that is ours.
 *
 * @throws DirectoryError
 */
export function makePrivateDirectory(path: string): void {
  const missing: string[] = [];
  let parent = path;
  while (!isDirectory(parent)) {
    missing.push(parent);
    parent = dirname(parent);
  }
  for (const directory of missing.reverse()) {
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      // Another process may have been faster.
      if (errorCode(error) !== 'EEXIST') {
        throw new DirectoryError(path, errorCode(error) ?? String(error), { cause: error });
      }
    }
  }
  checkOwner(path);
}

function isDirectory(path: string): boolean {
  try {
    if (statSync(path).isDirectory()) return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && path !== '/') return false;
    throw new DirectoryError(path, errorCode(error) ?? String(error), { cause: error });
  }
  throw new DirectoryError(path, 'it is not a directory');
}

function checkOwner(path: string): void {
  const facts = lstatSync(path);
  if (facts.isSymbolicLink()) {
    const remedy = `give the directory that it leads to, ${realpathSync(path)}`;
    throw new DirectoryError(path, 'it is a symbolic link', { remedy });
  }
  const uid = process.getuid?.();
  if (uid !== undefined && facts.uid !== uid) {
    throw new DirectoryError(path, `it belongs to user ${facts.uid}`);
  }
  if ((facts.mode & 0o022) !== 0) {
    throw new DirectoryError(path, 'others may write to it', {
      remedy: `chmod 0700 ${shellWord(path)}`,
    });
  }
}
