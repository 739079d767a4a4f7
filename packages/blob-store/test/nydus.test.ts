import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBlobId } from '@shoal/oci';
import { openBootstrap } from '@shoal/rafs';
import {
  requireMounts,
  requireNydus,
  runChecked,
  runCommand,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { type BlobDescription, describeBlob } from '../src/index.ts';
import { openCache } from './support/cache-fixture.ts';
import { sampleBytes } from './support/sample-blob.ts';
import { ScriptedSource } from './support/scripted-source.ts';

const SIZES = [0, 1, 100, 4096, 5000, 70_000, 300_000, 1_300_000, 12];

type NydusImage = {
  readonly directory: string;
  readonly description: BlobDescription;
  readonly source: ScriptedSource;
};

/** An image that nydus-image wrote, and our description of its blob. */
async function nydusImage(
  directory: string,
  tool: string,
  compressor: string,
  digester: string,
  chunkSize = '0x100000',
): Promise<NydusImage> {
  const tree = join(directory, 'tree');
  const blobs = join(directory, 'blobs');
  mkdirSync(tree);
  mkdirSync(blobs);
  for (const [at, size] of SIZES.entries()) {
    writeFileSync(join(tree, `file-${at}`), sampleBytes(at, size));
  }
  const boot = join(directory, 'boot');
  const codec = ['--compressor', compressor, '--digester', digester, '--chunk-size', chunkSize];
  await runChecked(tool, ['create', '-t', 'dir-rafs', ...codec, '-D', blobs, '-B', boot, tree]);
  const bootstrap = openBootstrap(readFileSync(boot));
  const [name = ''] = readdirSync(blobs);
  const stored = readFileSync(join(blobs, name));
  const blobId = parseBlobId(bootstrap.blobs[0]?.blobId ?? '');
  const source = new ScriptedSource([{ blobId, stored }]);
  const description = await describeBlob(bootstrap, 0, source, { storedBytes: stored.length });
  return { directory, description, source };
}

t.test('blobs written by nydus-image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined) return;
  for (const compressor of ['zstd', 'lz4_block', 'none']) {
    for (const digester of ['blake3', 'sha256']) {
      const { description, source } = await nydusImage(
        temporaryDirectory(t),
        nydus.image,
        compressor,
        digester,
        digester === 'blake3' ? '0x100000' : '0x10000',
      );
      const fixture = await openCache(t);
      const cached = await fixture.cache.openBlob(description, source);
      const device = await cached.read(0, description.sizeBytes);
      t.ok(cached.isComplete, `${compressor}, ${digester}: every chunk verified`);
      t.ok(device.includes(sampleBytes(2, 100)));
    }
  }
});

t.test('a cache directory that a real nydusd left', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t)) return;
  const directory = temporaryDirectory(t);
  const { description, source } = await nydusImage(directory, nydus.image, 'zstd', 'sha256');
  const cacheDirectory = join(directory, 'cache');
  const mountpoint = join(directory, 'mnt');
  mkdirSync(cacheDirectory);
  mkdirSync(mountpoint);
  const config = {
    device: {
      backend: { type: 'localfs', config: { dir: join(directory, 'blobs') } },
      cache: { type: 'blobcache', config: { work_dir: cacheDirectory } },
    },
    mode: 'direct',
  };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  const daemon = spawn(
    nydus.daemon,
    [
      ...['--rlimit-nofile', '0', '-C', join(directory, 'config.json')],
      ...['-B', join(directory, 'boot'), '-M', mountpoint],
      ...['-A', join(directory, 'api.sock'), '-L', join(directory, 'log')],
    ],
    { stdio: 'ignore' },
  );
  const isOver = once(daemon, 'exit');
  try {
    while ((await runCommand('mountpoint', ['-q', mountpoint])).exitCode !== 0) {
      if (daemon.exitCode !== null) throw new Error('nydusd ended');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const at of [3, 5, 6]) {
      t.ok(readFileSync(join(mountpoint, `file-${at}`)).equals(sampleBytes(at, SIZES[at] ?? 0)));
    }
  } finally {
    daemon.kill('SIGTERM');
    await isOver;
    await runCommand('umount', ['-l', mountpoint]);
  }
  t.ok(readdirSync(cacheDirectory).includes(`${description.blobId}.blob.data`));
  const fixture = await openCache(t, { directory: cacheDirectory });
  const readsBefore = source.reads.length;
  const cached = await fixture.cache.openBlob(description, source);
  const chunk = description.chunks.size.indexOf(300_000);
  const bytes = await cached.read(description.chunks.offset[chunk] ?? 0, 300_000);
  t.ok(bytes.equals(sampleBytes(6, 300_000)), 'nydusd’s bytes, verified');
  t.equal(source.reads.length, readsBefore, 'nothing was fetched');
  await cached.ensure(0, description.sizeBytes);
  t.ok(cached.isComplete);
  t.ok(source.bytesRead > 0);
});
