/** The release of this tree, as hosts run it: from sources a start takes longer. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readManifest } from '../../scripts/release/npm-package.ts';
import { readSourceState, stageRelease } from '../../scripts/release/stage.ts';
import { REPOSITORY_ROOT } from './input.ts';

/** Lays it out in `directory`, which is made; gives the path of its command. */
export async function stageOwnRelease(directory: string): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const { version } = readManifest(REPOSITORY_ROOT);
  const source = readSourceState(REPOSITORY_ROOT, true);
  const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
  await stageRelease({ root: REPOSITORY_ROOT, version, arch, ...source }, directory);
  return join(directory, 'bin', 'shoal');
}
