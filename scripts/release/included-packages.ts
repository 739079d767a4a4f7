/** Which packages of npm are inside a release: told by the files that went into its bundle. */
import { join } from 'node:path';
import type { IncludedPackage } from './licences.ts';
import type { PlacedPart } from './native-parts.ts';
import { type Lock, readManifest } from './npm-package.ts';

const PACKAGE_OF_FILE = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/;

/** By name and version; each is checked to be what the lock file says. */
export function includedPackages(
  root: string,
  inputs: readonly string[],
  parts: readonly PlacedPart[],
  lock: Lock,
): IncludedPackage[] {
  const places = new Set(inputs.flatMap((file) => PACKAGE_OF_FILE.exec(file)?.[0] ?? []));
  const bundled = [...places].map((place) => fromPlace(root, place, lock));
  const placed = parts.map(({ name, version, directory }) => ({
    name,
    version,
    directory,
    license: lock.get(`node_modules/${name}`)?.license ?? 'MIT',
  }));
  const all = new Map(
    [...bundled, ...placed].map((each) => [`${each.name}@${each.version}`, each]),
  );
  return [...all.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

function fromPlace(root: string, place: string, lock: Lock): IncludedPackage {
  const directory = join(root, place);
  const { name, version } = readManifest(directory);
  const locked = lock.get(place);
  if (locked?.version !== version) {
    throw new Error(`${place} is ${version}, the lock file says ${locked?.version}: run npm ci`);
  }
  if (locked.license === undefined) throw new Error(`the lock file has no licence of ${name}`);
  return { name, version, directory, license: locked.license };
}
