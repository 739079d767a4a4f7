/**
 * Shoal reads what real nydus-image wrote, in every compressor and digester: it unpacks to the
 * original tree, and it mounts as nydusd mounts it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  compareListings,
  listTree,
  plainLayers,
  requireMounts,
  requireNydus,
  requireTool,
} from '@shoal/test-kit';
import t from 'tap';
import { makeNydusImage } from './support/nydus-maker.ts';
import { mountWithNydusd, NYDUSD_LISTING } from './support/nydusd-mount.ts';
import { checkReading, readingWorld, withoutRootTime } from './support/reading-nydus.ts';

const VARIANTS = [
  { compressor: 'zstd', digester: 'sha256', chunkSize: 1 << 20 },
  { compressor: 'lz4_block', digester: 'blake3', chunkSize: 1 << 20 },
  { compressor: 'none', digester: 'blake3', chunkSize: 1 << 16 },
] as const;

t.test('images of nydus-image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, 'umoci', 'getfattr')) return;
  const layers = plainLayers();
  const world = await readingWorld(t, layers);
  for (const variant of VARIANTS) {
    await t.test(`${variant.compressor}, ${variant.digester}`, async (t) => {
      const work = join(world.directory, variant.compressor);
      mkdirSync(work);
      const image = makeNydusImage({ program: nydus.image, directory: work, layers, ...variant });
      const whileMounted = async (mountpoint: string) => {
        const nydusdMount = await mountWithNydusd(t, {
          program: nydus.daemon,
          bootstrap: image.bootstrap,
          backend: { type: 'localfs', directory: image.blobDirectory },
          directory: join(work, 'nydusd'),
        });
        const theirs = await listTree(nydusdMount, NYDUSD_LISTING);
        const differences = compareListings(await listTree(mountpoint), theirs);
        t.same(withoutRootTime(differences), [], 'as nydusd');
      };
      await checkReading(t, world, { image, work, whileMounted });
    });
  }
});
