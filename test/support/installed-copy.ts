/** Copies of this checkout under other version numbers, installed side by side as a release is. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './source-files.ts';

/** `PREFIX/versions/<version>`: sources are copied, packages from npm are shared. */
export function installCopy(prefix: string, version: string): string {
  const home = join(prefix, 'versions', version);
  mkdirSync(join(home, 'node_modules', '@shoal'), { recursive: true });
  cpSync(join(root, 'bin'), join(home, 'bin'), { recursive: true });
  for (const name of readdirSync(join(root, 'packages'))) {
    const from = join(root, 'packages', name);
    const to = join(home, 'packages', name);
    cpSync(join(from, 'src'), join(to, 'src'), { recursive: true });
    writeManifest(from, to, version);
    symlinkSync(to, join(home, 'node_modules', '@shoal', name));
  }
  writeManifest(root, home, version);
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name === '@shoal' || name === '.cache') continue;
    symlinkSync(join(root, 'node_modules', name), join(home, 'node_modules', name));
  }
  return home;
}

/** Replaces text of one source file; the text must be there. */
export function patchCopy(home: string, file: string, before: string, after: string): void {
  const path = join(home, file);
  const text = readFileSync(path, 'utf8');
  if (!text.includes(before)) throw new Error(`${path} does not hold ${before}`);
  writeFileSync(path, text.replace(before, after));
}

function writeManifest(from: string, to: string, version: string): void {
  const manifest: object = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
  writeFileSync(join(to, 'package.json'), JSON.stringify({ ...manifest, version }));
}
