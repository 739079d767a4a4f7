/** Inputs of the scenarios: the root file system of real Debian programs as tar, and images of it. */
import { createHash } from 'node:crypto';
import { copyFileSync, createReadStream, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { plainLayers, runChecked, writeLayoutDocuments } from '@shoal/test-kit';

const PACKAGES = 'python3,python3-numpy';
const LARGE_PACKAGES = 'python3-torch,python3-pandas';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';
const READ_BYTES = 1 << 20;
const ROOT_TIMEOUT_MS = 900_000;

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
  const tar = isSmall ? smallArchive(directory) : await debianArchive(PACKAGES);
  const description = isSmall ? 'a small made-up tree' : `Debian 12 with ${PACKAGES}`;
  return await inputOf(tar, join(directory, 'ordinary'), description);
}

/** About 1.4 GB of Debian with torch and pandas. */
export async function makeLargeInput(directory: string): Promise<BenchInput> {
  const tar = await debianArchive(LARGE_PACKAGES);
  return await inputOf(tar, join(directory, 'ordinary-large'), `Debian 12 with ${LARGE_PACKAGES}`);
}

async function inputOf(tar: string, directory: string, description: string): Promise<BenchInput> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(tar, { highWaterMark: READ_BYTES }), async (pieces) => {
    for await (const piece of pieces) hash.update(piece);
  });
  const hex = hash.digest('hex');
  const blobs = join(directory, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  copyFileSync(tar, join(blobs, hex));
  const size = statSync(tar).size;
  const digest = `sha256:${hex}`;
  const layers = [{ mediaType: LAYER_TYPE, digest, size, diffId: digest }];
  const layout = writeLayoutDocuments({ directory, layers });
  return { tar, layout, description, tarBytes: size };
}

function smallArchive(directory: string): string {
  const [lower] = plainLayers();
  if (lower === undefined) throw new Error('there is no plain layer');
  const tar = join(directory, 'root.tar');
  writeFileSync(tar, lower);
  return tar;
}

async function debianArchive(packages: string): Promise<string> {
  const script = join(REPOSITORY_ROOT, 'scripts', 'debian-root.sh');
  const { stdout } = await runChecked(script, [packages], { timeoutMs: ROOT_TIMEOUT_MS });
  return stdout.trim();
}
