/** The demo's input: an ordinary OCI image of several hundred MB made of real programs. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { output, outputBelow, runProgram } from './run-program.ts';

/** What goes into the image when Debian's packages can be had. */
const PACKAGES = 'python3,python3-numpy,perl,gcc,g++,git';

export type SourceImage = {
  readonly layout: string;
  readonly description: string;
  readonly tarBytes: number;
  readonly gzipBytes: number;
};

/** Makes a tar of a root file system, then an OCI layout around it. */
export async function makeSourceImage(directory: string): Promise<SourceImage> {
  const { tar, description } = await makeRootArchive(directory);
  output('   packing it as tar+gzip');
  const layout = join(directory, 'ordinary');
  const gzipBytes = await wrapAsLayout(tar, layout);
  return { layout, description, tarBytes: (await stat(tar)).size, gzipBytes };
}

async function makeRootArchive(directory: string): Promise<{ tar: string; description: string }> {
  const script = join(import.meta.dirname, '..', '..', 'scripts', 'debian-root.sh');
  const made = await runProgram(script, [PACKAGES], {}, outputBelow);
  if (made.exitCode === 0) {
    return { tar: made.stdout.trim(), description: `Debian 12 with ${PACKAGES}` };
  }
  output('   mmdebstrap could not make a Debian root here, so programs of this machine are taken');
  const tar = join(directory, 'root.tar');
  // Unreadable files are left out by tar with a warning; that is exit code 1 or 2.
  spawnSync(
    'tar',
    ['--create', '--file', tar, '--ignore-failed-read', '--directory', '/', ...hostPaths()],
    { stdio: 'ignore' },
  );
  return { tar, description: 'programs of this machine' };
}

function hostPaths(): string[] {
  const wanted = ['bin', 'lib', 'lib64', 'usr/bin', 'usr/lib'];
  return wanted.filter((path) => spawnSync('test', ['-e', `/${path}`]).status === 0);
}

async function wrapAsLayout(tar: string, layout: string): Promise<number> {
  const blobs = join(layout, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const draft = join(blobs, 'draft');
  const plainHash = createHash('sha256');
  const storedHash = createHash('sha256');
  let storedBytes = 0;
  const source = createReadStream(tar, { highWaterMark: 1 << 20 });
  source.on('data', (bytes) => plainHash.update(bytes));
  const gzip = createGzip({ level: 6 });
  gzip.on('data', (bytes: Buffer) => {
    storedHash.update(bytes);
    storedBytes += bytes.length;
  });
  await pipeline(Readable.from(source), gzip, createWriteStream(draft));
  const digest = storedHash.digest('hex');
  renameSync(draft, join(blobs, digest));
  writeDocuments(layout, plainHash.digest('hex'), {
    digest: `sha256:${digest}`,
    size: storedBytes,
  });
  return storedBytes;
}

function writeDocuments(
  layout: string,
  diffId: string,
  layer: { readonly digest: string; readonly size: number },
): void {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const put = (mediaType: string, value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs', 'sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const config = put('application/vnd.oci.image.config.v1+json', {
    architecture,
    os: 'linux',
    config: { Cmd: ['/usr/bin/python3'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${diffId}`] },
  });
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const manifestType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = put(manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config,
    layers: [{ mediaType, ...layer }],
  });
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  writeFileSync(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
}
