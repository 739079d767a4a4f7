/**
 * Where writable mounts keep what is written: `<root>/writable/<key>/{upper,work}`. The key names
 * mountpoint and image, so that mounting the same image at the same place again continues, and an
 * upper directory never meets another image below it. It stays after unmount unless told otherwise.
 */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateDirectory } from '../state/private-directory.ts';

export type WritableDirectories = {
  readonly directory: string;
  readonly upper: string;
  readonly work: string;
};

export function writableDirectories(directory: string): WritableDirectories {
  return { directory, upper: join(directory, 'upper'), work: join(directory, 'work') };
}

/** Creates what is missing; at the first mount the driver gives `upper` the image's attributes. */
export function prepareWritable(
  root: string,
  mountpoint: string,
  bootstrapDigest: string,
): WritableDirectories {
  const key = createHash('sha256').update(`${mountpoint}\0${bootstrapDigest}`).digest('hex');
  const directories = writableDirectories(join(root, 'writable', key.slice(0, 16)));
  // Not `upper` once it is there: it may have any mode and owner, as the root of a mount.
  for (const path of [directories.directory, directories.work]) makePrivateDirectory(path);
  mkdirSync(directories.upper, { recursive: true, mode: 0o700 });
  return directories;
}

export async function discardWritable(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
