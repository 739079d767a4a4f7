/**
 * Shoal reads what real nydus-image wrote, in every compressor and digester: it unpacks to the
 * original tree, and it mounts as nydusd mounts it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildLayout,
  compareTrees,
  plainLayers,
  requireMounts,
  requireNydus,
  requireTool,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { ownDaemon } from '../support/own-daemon.ts';
import { differencesFrom, unpackReference } from '../support/reference-tree.ts';
import { runShoal } from '../support/shoal-command.ts';
import { makeNydusImage } from './support/nydus-maker.ts';
import { mountWithNydusd } from './support/nydusd-mount.ts';

const VARIANTS = [
  { compressor: 'zstd', digester: 'sha256', chunkSize: 1 << 20 },
  { compressor: 'lz4_block', digester: 'blake3', chunkSize: 1 << 20 },
  { compressor: 'none', digester: 'blake3', chunkSize: 1 << 16 },
] as const;

/** nydus-image gives the root no time, and nydusd shows its own start instead. */
const withoutRootTime = (differences: readonly string[]) =>
  differences.filter((line) => !line.startsWith('"": mtime'));

t.test('images of nydus-image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, 'umoci', 'getfattr')) return;
  const directory = temporaryDirectory(t);
  const layers = plainLayers();
  const source = join(directory, 'source');
  buildLayout({ directory: source, layers: layers.map((tar) => ({ tar })) });
  const reference = await unpackReference(source, join(directory, 'bundle'));
  const daemon = ownDaemon(t, directory);
  for (const variant of VARIANTS) {
    await t.test(`${variant.compressor}, ${variant.digester}`, async (t) => {
      const work = join(directory, variant.compressor);
      mkdirSync(work);
      const image = makeNydusImage({ program: nydus.image, directory: work, layers, ...variant });

      const plain = join(work, 'plain');
      await runShoal(['unpack', '--source', `oci:${image.layout}`, '--target', `oci:${plain}`]);
      const unpacked = await unpackReference(plain, join(work, 'bundle'));
      t.same(withoutRootTime(await differencesFrom(reference, unpacked.path)), [], 'unpack');

      const mountpoint = join(work, 'mount');
      mkdirSync(mountpoint);
      await runShoal(['mount', `oci:${image.layout}`, mountpoint], { env: daemon.env });
      t.same(withoutRootTime(await differencesFrom(reference, mountpoint)), [], 'mount');
      const nydusdMount = await mountWithNydusd(t, {
        program: nydus.daemon,
        bootstrap: image.bootstrap,
        backend: { type: 'localfs', directory: image.blobDirectory },
        directory: join(work, 'nydusd'),
      });
      t.same(withoutRootTime(await compareTrees(mountpoint, nydusdMount)), [], 'as nydusd');
      await runShoal(['unmount', mountpoint], { env: daemon.env });
    });
  }
});
