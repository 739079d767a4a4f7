/**
 * Where targets may be written: never below the kernel's pseudo file systems, and directories are
 * made one by one below an existing parent (a recursive mkdir below /proc never ends in Node).
 */
import { lstat, mkdir, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { errorCode } from '@shoal/errors';
import { pseudoFileSystemOf } from '@shoal/linux/pseudo-file-system';
import { TargetRefusedError } from '../errors.ts';
import { DIRECTORIES_MADE_MAX } from '../limits.ts';
import { fileError } from './regular-file.ts';

/** The path with every existing part resolved; throws for a place that must not be written. */
export async function writablePlace(path: string): Promise<string> {
  const place = await resolveExisting(resolve(path));
  if ((await pseudoFileSystemOf(place)) !== undefined) throw refused(path);
  return place;
}

function refused(path: string): TargetRefusedError {
  return new TargetRefusedError(`${path} lies in a pseudo file system of the kernel`, {
    remedy: 'choose a place on a disk',
  });
}

async function resolveExisting(path: string): Promise<string> {
  const missing: string[] = [];
  let current = path;
  for (;;) {
    try {
      return join(await realpath(current), ...missing);
    } catch (error) {
      const code = errorCode(error);
      if (code !== 'ENOENT') throw fileError(error, `${path} cannot be written`);
      if (await isDanglingLink(current)) throw fileError(error, `${current} points nowhere`);
      missing.unshift(basename(current));
      current = dirname(current);
    }
  }
}

async function isDanglingLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (stat) => stat.isSymbolicLink(),
    () => false,
  );
}

/**
 * Makes a directory and its missing parents; returns what was made, outermost first. Errors name
 * `shownPath` where only this program knows the directory.
 */
export async function makeDirectories(path: string, shownPath?: string): Promise<string[]> {
  const wanted: string[] = [];
  for (let current = path; !(await isDirectory(current)); current = dirname(current)) {
    wanted.unshift(current);
    if (wanted.length > DIRECTORIES_MADE_MAX || current === dirname(current)) {
      throw new TargetRefusedError(`${path} cannot be made`, { remedy: 'choose a shorter path' });
    }
  }
  const made: string[] = [];
  for (const directory of wanted) {
    try {
      await mkdir(directory);
      made.push(directory);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST')
        throw fileError(error, `${shownPath ?? directory} cannot be made`);
      if (!(await isDirectory(directory))) throw fileError(error, `${directory} is no directory`);
    }
  }
  return made;
}

async function isDirectory(path: string): Promise<boolean> {
  return lstat(path).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
}
