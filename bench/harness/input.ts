/** Inputs of the scenarios: the root file system of real Debian programs as tar, and images of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildLayout, plainLayers, runChecked } from '@shoal/test-kit';

const PACKAGES = 'python3,python3-numpy';
const ROOT_TIMEOUT_MS = 600_000;

export const REPOSITORY_ROOT = join(import.meta.dirname, '..', '..');
export const SHOAL = join(REPOSITORY_ROOT, 'bin', 'shoal');

export type BenchInput = {
  /** Uncompressed tar. */
  readonly tar: string;
  /** An ordinary OCI layout whose one layer is that tar, uncompressed, tag `latest`. */
  readonly layout: string;
  readonly description: string;
  readonly tarBytes: number;
};

/** About 265 MB of Debian with python and numpy; a few MB of synthetic files when small. */
export async function makeInput(directory: string, isSmall: boolean): Promise<BenchInput> {
  const tar = isSmall ? smallArchive(directory) : await debianArchive();
  const bytes = readFileSync(tar);
  const layout = buildLayout({
    directory: join(directory, 'ordinary'),
    layers: [{ tar: bytes, compression: 'none' }],
  });
  const description = isSmall ? 'a small made-up tree' : `Debian 12 with ${PACKAGES}`;
  return { tar, layout, description, tarBytes: bytes.length };
}

function smallArchive(directory: string): string {
  const [lower] = plainLayers();
  if (lower === undefined) throw new Error('there is no plain layer');
  const tar = join(directory, 'root.tar');
  writeFileSync(tar, lower);
  return tar;
}

async function debianArchive(): Promise<string> {
  const script = join(REPOSITORY_ROOT, 'scripts', 'debian-root.sh');
  const { stdout } = await runChecked(script, [PACKAGES], { timeoutMs: ROOT_TIMEOUT_MS });
  return stdout.trim();
}
