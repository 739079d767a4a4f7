/**
 * Where versions of Shoal lie: `PREFIX/versions/<version>`, and `PREFIX/current`, a link to the one
 * that new commands and daemons use. A checkout or a directory of another name has no link.
 */
import {
  existsSync,
  lstatSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory that this program runs from: `bin/shoal` lies below it. */
export function ownHome(): string {
  let directory = dirname(fileURLToPath(new URL('../../package.json', import.meta.url)));
  while (!existsSync(programOf(directory)) && directory !== '/') directory = dirname(directory);
  return directory;
}

export function programOf(home: string): string {
  return join(home, 'bin', 'shoal');
}

/** `PREFIX/current` for a version in that layout. */
export function currentLinkOf(home: string): string | undefined {
  const versions = dirname(home);
  if (basename(versions) !== 'versions') return undefined;
  const link = join(dirname(versions), 'current');
  return isLinkOrAbsent(link) ? link : undefined;
}

/** What the link says, to put it back; undefined: it is not there. */
export function readCurrent(link: string): string | undefined {
  return lstatSync(link, { throwIfNoEntry: false }) === undefined ? undefined : readlinkSync(link);
}

/** In one step: at no moment is there no current version. */
export function switchCurrent(link: string, target: string): void {
  const fresh = `${link}.${process.pid}`;
  rmSync(fresh, { force: true });
  symlinkSync(target, fresh);
  renameSync(fresh, link);
}

/** How the link names a version. */
export function linkTarget(home: string): string {
  return join('versions', basename(home));
}

/** The newest version beside this one, which may be this one; undefined outside of that layout. */
export function newestBeside(home: string): string | undefined {
  if (currentLinkOf(home) === undefined) return undefined;
  const versions = dirname(home);
  const names = readdirSync(versions).filter((name) => existsSync(programOf(join(versions, name))));
  const newest = names.toSorted(compareVersions).at(-1);
  return newest === undefined ? undefined : join(versions, newest);
}

/** As semver orders what is numbers and one optional label: 0.9.0, 0.10.0-rc.1, 0.10.0. */
export function compareVersions(a: string, b: string): number {
  const [mainA = '', labelA] = split(a);
  const [mainB = '', labelB] = split(b);
  const byMain = mainA.localeCompare(mainB, 'en', { numeric: true });
  if (byMain !== 0) return byMain;
  if (labelA === undefined || labelB === undefined) {
    return Number(labelA === undefined) - Number(labelB === undefined);
  }
  return labelA.localeCompare(labelB, 'en', { numeric: true });
}

function split(version: string): [string, string | undefined] {
  const at = version.indexOf('-');
  return at < 0 ? [version, undefined] : [version.slice(0, at), version.slice(at + 1)];
}

function isLinkOrAbsent(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats === undefined || stats.isSymbolicLink();
}
