/**
 * The judge itself: what real nydus-image wrote, real nydusd shows as umoci unpacks it. When this
 * fails, the other comparisons with Nydus say nothing about Shoal.
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
  runChecked,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { makeNydusImage } from './support/nydus-maker.ts';
import { mountWithNydusd } from './support/nydusd-mount.ts';

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
  const source = join(directory, 'source');
  buildLayout({ directory: source, layers: layers.map((tar) => ({ tar })) });
  const bundle = join(directory, 'bundle');
  await runChecked('umoci', ['unpack', '--image', `${source}:latest`, bundle]);
  const differences = await compareTrees(mounted, join(bundle, 'rootfs'));
  // nydus-image gives the root the time of the build.
  t.same(
    differences.filter((line) => !line.startsWith('"": mtime')),
    [],
  );
});
