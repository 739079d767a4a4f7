/**
 * The kernel accepts what Shoal writes: the bootstrap with complete device files mounts as EROFS and
 * shows the original tree, and fsck.erofs and dump.erofs find nothing wrong. The device files are
 * made by nydusd, so that nothing of Shoal's own reading is in between.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountErofs, unmount } from '@shoal/linux';
import {
  buildTortureLayout,
  listTree,
  requireMounts,
  requireNydus,
  requireTool,
  runChecked,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { takeApart } from '../support/converted-layout.ts';
import { differencesFrom, unpackReference } from '../support/reference-tree.ts';
import { runShoal } from '../support/shoal-command.ts';
import { mountWithNydusd } from './support/nydusd-mount.ts';

t.test('EROFS with complete device files', async (t) => {
  const nydus = requireNydus(t);
  const tools = ['umoci', 'getfattr', 'fsck.erofs', 'dump.erofs'];
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, ...tools)) return;
  const directory = temporaryDirectory(t);
  const source = buildTortureLayout(join(directory, 'source'));
  const reference = await unpackReference(source, join(directory, 'bundle'));
  const target = join(directory, 'converted');
  await runShoal(['convert', '--source', `oci:${source}`, '--target', `oci:${target}`]);
  const files = takeApart(target, directory);

  const work = join(directory, 'nydusd');
  const served = await mountWithNydusd(t, {
    program: nydus.daemon,
    bootstrap: files.bootstrap,
    backend: { type: 'localfs', directory: files.blobDirectory },
    directory: work,
  });
  // Reading everything completes nydusd's cache files.
  await listTree(served);
  const names = blobsInOrder(readFileSync(files.bootstrap));
  const devices = names.map((blob) => join(work, 'cache', `${blob}.blob.data`));

  const mountpoint = join(directory, 'mount');
  mkdirSync(mountpoint);
  mountErofs({ metadataFile: files.bootstrap, devices, mountpoint, flags: { nosuid: false } });
  t.teardown(() => unmount(mountpoint, { lazy: true }));
  t.same(await differencesFrom(reference, mountpoint), []);

  const extra = devices.map((device) => `--device=${device}`);
  const fsck = await runChecked('fsck.erofs', ['--extract', ...extra, files.bootstrap]);
  t.notMatch(`${fsck.stdout}${fsck.stderr}`, /<E>|corrupt/i);
  const dump = await runChecked('dump.erofs', ['-s', ...extra, files.bootstrap]);
  t.match(dump.stdout, /Filesystem magic number:\s+0xE0F5E1E2/i);
  const entry = await runChecked('dump.erofs', [
    ...['--path=/third-layer/file', ...extra, files.bootstrap],
  ]);
  t.match(entry.stdout, /Size: 123456/);
});

/** The blobs as the device slots name them: the order in which devices are given to the kernel. */
function blobsInOrder(bootstrap: Buffer): string[] {
  const count = bootstrap.readUInt16LE(1024 + 86);
  const slot = (index: number) => 128 * (bootstrap.readUInt16LE(1024 + 88) + index);
  return Array.from({ length: count }, (_, index) =>
    bootstrap.toString('latin1', slot(index), slot(index) + 64),
  );
}
