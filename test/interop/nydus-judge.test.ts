/**
 * The judge itself: what real nydus-image wrote, real nydusd shows as umoci unpacks it. When this
 * fails, the other comparisons with Nydus say nothing about Shoal.
 */
import { mkdirSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  buildLayout,
  compareListings,
  listTree,
  plainLayers,
  requireMounts,
  requireNydus,
  requireTool,
  runChecked,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { makeNydusImage } from './support/nydus-maker.ts';
import { mountWithNydusd, NYDUSD_LISTING } from './support/nydusd-mount.ts';

t.test('nydusd shows what nydus-image built as umoci unpacks it', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, 'umoci', 'getfattr')) return;
  const directory = temporaryDirectory(t);
  const made = join(directory, 'made');
  mkdirSync(made);
  const layers = plainLayers();
  const image = makeNydusImage({ program: nydus.image, directory: made, layers });
  await runChecked(nydus.image, ['check', '--blob-dir', image.blobDirectory, image.bootstrap]);
  const mounted = await mountWithNydusd(t, {
    program: nydus.daemon,
    bootstrap: image.bootstrap,
    backend: { type: 'localfs', directory: image.blobDirectory },
    directory: join(directory, 'nydusd'),
  });
  t.equal(await inodeOf(mounted, 'bin/tool'), await inodeOf(mounted, 'bin/tool-too'), 'one file');
  const source = join(directory, 'source');
  buildLayout({ directory: source, layers: layers.map((tar) => ({ tar })) });
  const bundle = join(directory, 'bundle');
  await runChecked('umoci', ['unpack', '--image', `${source}:latest`, bundle]);
  const differences = compareListings(
    await listTree(mounted, NYDUSD_LISTING),
    await listTree(join(bundle, 'rootfs')),
  );
  // nydus-image gives the root the time of the build.
  t.same(
    differences.filter((line) => !line.startsWith('"": mtime')),
    [],
  );
});

/** Once it is looked up; that its directory is listed after it may give it another number. */
async function inodeOf(mountpoint: string, path: string): Promise<bigint> {
  const { ino } = await lstat(join(mountpoint, path), { bigint: true });
  await readdir(dirname(join(mountpoint, path)));
  return NYDUSD_LISTING.inodeOf(ino);
}
