/**
 * Real Nydus accepts what Shoal writes: nydus-image checks, inspects and unpacks it, and nydusd
 * mounts it with every byte and attribute as umoci unpacks the original.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildLayout,
  buildTortureLayout,
  requireMounts,
  requireNydus,
  requireTool,
  runChecked,
  runCommand,
  temporaryDirectory,
  tortureLayers,
} from '@shoal/test-kit';
import t from 'tap';
import { takeApart } from '../support/converted-layout.ts';
import { differencesFrom, unpackReference } from '../support/reference-tree.ts';
import { runShoal } from '../support/shoal-command.ts';
import { mountWithNydusd, NYDUSD_LISTING } from './support/nydusd-mount.ts';

/**
 * nydus-image 2.2 refuses ACLs, its own as well: it wants more after `system.posix_acl_access`.
 * nydusd mounts them, which the comparison with a mount by Shoal shows.
 */
const NYDUS_REFUSES = ['acl'];

const VARIANTS = [
  { name: 'the defaults', options: [] },
  { name: 'no torrents', options: ['--no-torrent'] },
  { name: 'a list of first reads', options: ['--prefetch-patterns', 'LIST'] },
  { name: 'lz4_block, blake3', options: ['--compressor', 'lz4_block', '--digester', 'blake3'] },
  { name: 'none, chunks of 64 KiB', options: ['--compressor', 'none', '--chunk-size', '65536'] },
] as const;

t.test('nydusd shows our image as umoci unpacks the original', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, 'umoci', 'getfattr')) return;
  const directory = temporaryDirectory(t);
  const source = buildTortureLayout(join(directory, 'source'), 'gzip', { leaveOut: NYDUS_REFUSES });
  const reference = await unpackReference(source, join(directory, 'bundle'));
  for (const { name, options } of VARIANTS) {
    await t.test(name, async (t) => {
      const work = temporaryDirectory(t);
      const target = join(work, 'converted');
      const list = join(work, 'list');
      writeFileSync(list, '/many\n/etc/passwd\n');
      await runShoal([
        ...['convert', '--source', `oci:${source}`, '--target', `oci:${target}`],
        ...options.map((option) => (option === 'LIST' ? list : option)),
      ]);
      const files = takeApart(target, work);
      const check = await runCommand(nydus.image, [
        ...['check', '--blob-dir', files.blobDirectory, files.bootstrap],
      ]);
      t.equal(check.exitCode, 0, `nydus-image check: ${check.stdout}${check.stderr}`);
      const inspect = await runChecked(nydus.image, [
        ...['inspect', '--blob-dir', files.blobDirectory],
        ...['--request', 'blobs', files.bootstrap],
      ]);
      for (const blob of files.blobs) t.match(inspect.stdout, blob);
      const mounted = await mountWithNydusd(t, {
        program: nydus.daemon,
        bootstrap: files.bootstrap,
        backend: { type: 'localfs', directory: files.blobDirectory },
        directory: join(work, 'nydusd'),
      });
      t.same(await differencesFrom(reference, mounted, NYDUSD_LISTING), []);
    });
  }
});

// nydus-image 2.2 unpacks images of one blob only.
t.test('nydus-image unpacks our image to the same files', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, 'umoci', 'getfattr')) return;
  const directory = temporaryDirectory(t);
  // It also drops parts of seconds, and writes times before 1970 as numbers tar does not take.
  const leaveOut = [...NYDUS_REFUSES, 'old', 'nanoseconds'];
  const [tar = Buffer.alloc(0)] = tortureLayers({ leaveOut });
  const source = buildLayout({ directory: join(directory, 'source'), layers: [{ tar }] });
  const reference = await unpackReference(source, join(directory, 'bundle'));
  const target = join(directory, 'converted');
  await runShoal(['convert', '--source', `oci:${source}`, '--target', `oci:${target}`]);
  const files = takeApart(target, directory);
  t.equal(files.blobs.length, 1);
  const blob = join(files.blobDirectory, files.blobs[0] ?? '');
  const archive = join(directory, 'unpacked.tar');
  await runChecked(nydus.image, ['unpack', '--blob', blob, '--output', archive, files.bootstrap]);
  const unpacked = join(directory, 'unpacked');
  mkdirSync(unpacked);
  await runChecked('tar', [
    ...['--extract', '--file', archive, '--directory', unpacked],
    ...['--same-owner', '--same-permissions', '--numeric-owner', '--xattrs', '--xattrs-include=*'],
  ]);
  t.same(await differencesFrom(reference, unpacked), []);
});
