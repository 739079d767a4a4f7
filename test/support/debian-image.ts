/** A real image: a Debian root file system with Python, and a layer on top as a build would make. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildLayout, runChecked, writeTar } from '@shoal/test-kit';
import { root } from './source-files.ts';

const MAKE_MS_MAX = 280_000;

/** Writes the OCI layout (tag `latest`); the archive of the lower layer is cached between runs. */
export async function buildDebianLayout(directory: string): Promise<string> {
  const script = join(root, 'scripts', 'debian-root.sh');
  const made = await runChecked(script, [], { timeoutMs: MAKE_MS_MAX });
  const lower = readFileSync(made.stdout.trim());
  return buildLayout({ directory, layers: [{ tar: lower }, { tar: upperLayer() }] });
}

function upperLayer(): Buffer {
  return writeTar([
    { name: './', type: 'directory', mtime: 1_650_000_000 },
    { name: 'app/', type: 'directory' },
    { name: 'app/main.py', content: 'import numpy\nprint(int(numpy.arange(1000).sum()))\n' },
    { name: 'app/python', type: 'symlink', link: '../usr/bin/python3' },
    { name: 'usr/share/doc/', type: 'directory' },
    { name: 'usr/share/doc/.wh..wh..opq', content: '' },
    { name: 'etc/', type: 'directory', mode: 0o755 },
    { name: 'etc/.wh.motd', content: '' },
    { name: 'etc/hostname', content: 'shoal\n' },
  ]);
}
