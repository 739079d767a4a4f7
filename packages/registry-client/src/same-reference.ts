/**
 * Whether places on disk and images are the same, so that no command replaces its own input or output.
 */
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { ImageReference } from '@shoal/oci';

/**
 * True when writing to `target` would replace what `source` names. A local source without a tag
 * counts as `latest`; two tags of one layout directory are different images, an archive is one file.
 */
export function isSameReference(source: ImageReference, target: ImageReference): boolean {
  if (source.kind === 'registry' || target.kind === 'registry') {
    return (
      source.kind === 'registry' &&
      target.kind === 'registry' &&
      source.registry === target.registry &&
      source.repository === target.repository &&
      source.tag !== undefined &&
      source.tag === target.tag
    );
  }
  if (realPath(source.path) !== realPath(target.path)) return false;
  if (source.kind !== 'layout' || target.kind !== 'layout') return true;
  return (source.tag ?? 'latest') === (target.tag ?? 'latest');
}

/** True when `path` is the file or directory `place`, or lies below it. */
export function isPathWithin(path: string, place: string): boolean {
  const [inner, outer] = [realPath(path), realPath(place)];
  return inner === outer || inner.startsWith(outer === '/' ? outer : `${outer}/`);
}

/** The path without symbolic links; what does not exist yet is kept as it is written. */
function realPath(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    const parent = dirname(absolute);
    return parent === absolute ? absolute : join(realPath(parent), basename(absolute));
  }
}
