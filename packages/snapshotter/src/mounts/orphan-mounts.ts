/**
 * Mounts of this root that no record speaks of, after the database lost some. Nobody serves them:
 * whoever reads absent bytes there gets errors. They are named and left to the administrator.
 */
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { shellWord } from '@shoal/errors';
import type { MountEntry } from '@shoal/linux';

/** Where images of this root are mounted, also while no daemon runs; its path may lead over symbolic links. */
export function mountsOfRoot(mounts: readonly MountEntry[], path: string): string[] {
  const root = existsSync(path) ? realpathSync(path) : path;
  const own = mounts.filter((entry) => isOfRoot(entry, root)).map(({ mountpoint }) => mountpoint);
  return [...new Set(own)];
}

/** One sentence for each; `known` are the mountpoints of the records. */
export function orphanProblems(
  mounts: readonly MountEntry[],
  root: string,
  known: ReadonlySet<string>,
): string[] {
  return mounts
    .filter((entry) => isOfRoot(entry, root) && !known.has(entry.mountpoint))
    .map(
      ({ mountpoint }) =>
        `${mountpoint}: mounted by an earlier daemon, and its record is lost: umount -l ${shellWord(mountpoint)}`,
    );
}

function isOfRoot({ fileSystem, source, superOptions }: MountEntry, root: string): boolean {
  if (fileSystem === 'erofs') return source.startsWith(`${join(root, 'images')}/`);
  if (fileSystem !== 'overlay') return false;
  return superOptions.some((option) => option.startsWith(`upperdir=${join(root, 'writable')}/`));
}
