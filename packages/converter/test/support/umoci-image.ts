/** Layers through umoci: an OCI layout made of given archives, and what umoci unpacks from it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isToolThere } from './tools.ts';

/** Why umoci comparisons cannot run here, or undefined. */
export function whyNoUmoci(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root: umoci unpacks owners and devices';
  if (!isToolThere('umoci')) return 'umoci is not installed';
  return undefined;
}

/** Makes `<dir>/image` (tag `latest`) out of uncompressed layer archives, lowest first. */
export function makeLayout(layers: readonly Buffer[], dir = mkdtempSync(join(tmpdir(), 'umoci-'))) {
  const image = `${dir}/image`;
  const run = (...args: string[]) => execFileSync('umoci', args, { stdio: 'pipe' });
  run('init', '--layout', image);
  run('new', '--image', `${image}:latest`);
  for (const [index, layer] of layers.entries()) {
    const file = `${dir}/layer${index}.tar`;
    writeFileSync(file, layer);
    run('raw', 'add-layer', '--image', `${image}:latest`, file);
    rmSync(file);
  }
  return { dir, image, close: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Unpacks the image as root; the root file system's path. Throws what umoci says. */
export function unpackWithUmoci(image: string, dir: string): string {
  execFileSync('umoci', ['unpack', '--image', `${image}:latest`, `${dir}/bundle`], {
    stdio: 'pipe',
  });
  return `${dir}/bundle/rootfs`;
}
