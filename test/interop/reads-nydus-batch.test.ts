/**
 * Shoal reads images whose small files Nydus's own builder packed together into batch chunks:
 * every byte of `cat`, `unpack` and a mount is the source's, and as a dictionary it does no harm.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBootstrap } from '@shoal/rafs';
import {
  buildLayout,
  noise,
  requireMounts,
  requireNydusBatch,
  requireTool,
  type TarSpec,
  temporaryDirectory,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import { ownDaemon } from '../support/own-daemon.ts';
import { differencesFrom, unpackReference } from '../support/reference-tree.ts';
import { runShoal } from '../support/shoal-command.ts';
import { makeNydusImage } from './support/nydus-maker.ts';

const VARIANTS = [
  { compressor: 'zstd', digester: 'sha256', batchBytes: 1 << 20 },
  { compressor: 'lz4_block', digester: 'blake3', batchBytes: 1 << 16 },
  { compressor: 'none', digester: 'sha256', batchBytes: 1 << 18 },
] as const;

/** Nydus's builder gives the root no time. */
const withoutRootTime = (differences: readonly string[]) =>
  differences.filter((line) => !line.startsWith('"": mtime'));

/** Chunks that have no stored size of their own. */
function batchMembers(bootstrap: string): number {
  const records = [...openBootstrap(readFileSync(bootstrap)).chunkRecords()];
  return records.filter(({ compressedSize }) => compressedSize === 0).length;
}

/** Text that shrinks and noise that does not, between files too large for a batch. */
function layerOf(directory: string): Buffer {
  const entries: TarSpec[] = [{ name: `${directory}/`, type: 'directory' }];
  for (let number = 100; number < 350; number++) {
    const name = `${directory}/${number}`;
    const text = `line of ${name}\n`.repeat(1 + ((number * 7) % 90));
    entries.push({ name, content: number % 5 === 0 ? noise(number * 11, name) : text });
    if (number % 100 === 75) {
      entries.push({ name: `${name}-large`, content: noise(2_500_000, name) });
    }
  }
  return writeTar(entries);
}

t.test('batch chunks of Nydus', async (t) => {
  const program = requireNydusBatch(t);
  if (program === undefined || !requireMounts(t) || !requireTool(t, 'umoci', 'getfattr')) return;
  const directory = temporaryDirectory(t);
  const layers = [layerOf('lower'), layerOf('upper')];
  const source = join(directory, 'source');
  buildLayout({ directory: source, layers: layers.map((tar) => ({ tar })) });
  const reference = await unpackReference(source, join(directory, 'bundle'));
  const daemon = ownDaemon(t, directory);
  for (const [index, variant] of VARIANTS.entries()) {
    const { compressor, digester, batchBytes } = variant;
    await t.test(`${compressor}, ${digester}, batches of ${batchBytes}`, async (t) => {
      const work = join(directory, `image-${index}`);
      mkdirSync(work);
      const image = makeNydusImage({ program, directory: work, layers, ...variant });
      t.ok(batchMembers(image.bootstrap) > 400, 'most small files are in batches');

      for (const name of ['upper/349', 'lower/176', 'upper/101']) {
        const { stdout } = await runShoal(['cat', `oci:${image.layout}`, `/${name}`]);
        t.equal(stdout, readFileSync(join(reference.path, name), 'utf8'), `cat ${name}`);
      }

      const plain = join(work, 'plain');
      await runShoal(['unpack', '--source', `oci:${image.layout}`, '--target', `oci:${plain}`]);
      const unpacked = await unpackReference(plain, join(work, 'bundle'));
      t.same(withoutRootTime(await differencesFrom(reference, unpacked.path)), [], 'unpack');

      const mountpoint = join(work, 'mount');
      mkdirSync(mountpoint);
      await runShoal(['mount', `oci:${image.layout}`, mountpoint], { env: daemon.env });
      const one = readFileSync(join(mountpoint, 'lower/349'), 'utf8');
      t.equal(one, readFileSync(join(reference.path, 'lower/349'), 'utf8'), 'one of a batch');
      t.same(withoutRootTime(await differencesFrom(reference, mountpoint)), [], 'mount');
      await runShoal(['unmount', mountpoint], { env: daemon.env });

      // As a chunk dictionary: members of batches are stored anew, the large chunks are not.
      const target = `oci:${image.layout}:again`;
      const dict = `oci:${image.layout}:latest`;
      const { stderr } = await runShoal([
        ...['convert', '--source', `oci:${source}`, '--target', target, '--chunk-dict', dict],
        ...['--compressor', compressor, '--digester', digester],
      ]);
      t.match(stderr, /stored already/, 'large chunks of the dictionary are used');
      await runShoal(['check', '--source', `oci:${source}`, '--target', target]);
    });
  }
});
