/**
 * Where writable mounts keep what is written: `<root>/writable/<key>/{upper,work}`. The key names
 * mountpoint and image, so that mounting the same image at the same place again continues, and an
 * upper directory never meets another image below it. It stays after unmount unless told otherwise.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makePrivateDirectory } from './private-directory.ts';

export type WritableDirectories = {
  readonly directory: string;
  readonly upper: string;
  readonly work: string;
};

export function writableDirectories(directory: string): WritableDirectories {
  return { directory, upper: join(directory, 'upper'), work: join(directory, 'work') };
}

/** Creates what is missing. The upper directory's mode is what the mount's root directory shows. */
export function prepareWritable(
  root: string,
  mountpoint: string,
  bootstrapDigest: string,
): WritableDirectories {
  const key = createHash('sha256').update(`${mountpoint}\0${bootstrapDigest}`).digest('hex');
  const directories = writableDirectories(join(root, 'writable', key.slice(0, 16)));
  for (const path of Object.values(directories)) makePrivateDirectory(path);
  return directories;
}

export async function discardWritable(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
