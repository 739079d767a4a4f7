/**
 * Shoal reads images of Nydus's own builder whose small files are packed together into batch chunks,
 * and encrypted ones, and both at once: every byte of `cat`, `unpack`, `check` and a mount is the
 * source's, and as a dictionary they do no harm.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBootstrap } from '@shoal/rafs';
import {
  noise,
  requireMounts,
  requireNydusBuilder,
  requireTool,
  type TarSpec,
  writeTar,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { runShoal, tryShoal } from '../support/shoal-command.ts';
import { makeNydusImage, type NydusImage } from './support/nydus-maker.ts';
import { checkReading, readingWorld } from './support/reading-nydus.ts';

const CIPHER = 'aes-128-xts';
const VARIANTS = [
  { compressor: 'zstd', digester: 'sha256', batchBytes: 1 << 20 },
  { compressor: 'lz4_block', digester: 'blake3', batchBytes: 1 << 16 },
  { compressor: 'none', digester: 'sha256', batchBytes: 1 << 18 },
  { compressor: 'none', digester: 'blake3', cipher: CIPHER },
  { compressor: 'zstd', digester: 'sha256', batchBytes: 1 << 18, cipher: CIPHER },
] as const;

/** Shorter than a cipher block, so that encryption has to pad it; found in plain blobs. */
const TINY = 'tiny mark';
const LARGE = 'a line that can be found in a blob that is neither compressed nor encrypted\n';

/** Chunks that have no stored size of their own. */
function batchMembers(bootstrap: string): number {
  const records = [...openBootstrap(readFileSync(bootstrap)).chunkRecords()];
  return records.filter(({ compressedSize }) => compressedSize === 0).length;
}

/** Text that shrinks and noise that does not, between files too large for a batch. */
function layerOf(directory: string): Buffer {
  const entries: TarSpec[] = [
    { name: `${directory}/`, type: 'directory' },
    { name: `${directory}/tiny`, content: TINY },
    { name: `${directory}/large`, content: LARGE.repeat(40_000) },
  ];
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

/** No blob holds a word of the content, and nothing that Shoal prints holds a key. */
async function assertSecret(t: Test, image: NydusImage): Promise<void> {
  for (const name of readdirSync(image.blobDirectory)) {
    const blob = readFileSync(join(image.blobDirectory, name));
    t.notOk(blob.includes(TINY) || blob.includes(LARGE), 'the content is not in the blob');
  }
  const { blobs } = openBootstrap(readFileSync(image.bootstrap));
  const { stdout } = await runShoal(['dump', `oci:${image.layout}`, 'blobs', '--json']);
  for (const { cipher } of blobs) {
    t.equal(cipher?.key.length, 32, 'every blob has a key');
    t.notOk(stdout.includes(cipher?.key.toString('hex') ?? ''), 'which is not shown');
  }
}

t.test("images of Nydus's builder", async (t) => {
  const program = requireNydusBuilder(t);
  if (program === undefined || !requireMounts(t) || !requireTool(t, 'umoci', 'getfattr')) return;
  const layers = [layerOf('lower'), layerOf('upper')];
  const world = await readingWorld(t, layers);
  for (const [index, variant] of VARIANTS.entries()) {
    const { compressor, digester } = variant;
    const batch = 'batchBytes' in variant ? `, batches of ${variant.batchBytes}` : '';
    const cipher = 'cipher' in variant ? `, ${variant.cipher}` : '';
    await t.test(`${compressor}, ${digester}${batch}${cipher}`, async (t) => {
      const work = join(world.directory, `image-${index}`);
      mkdirSync(work);
      const image = makeNydusImage({ program, directory: work, layers, ...variant });
      if (batch !== '') t.ok(batchMembers(image.bootstrap) > 400, 'most files are in batches');
      if (cipher !== '') await assertSecret(t, image);
      const files = ['lower/349', 'upper/349', 'lower/176', 'upper/101', 'upper/tiny'];
      await checkReading(t, world, { image, work, files });

      const source = `oci:${world.source}`;
      const reading = `oci:${image.layout}:latest`;
      const checked = await tryShoal(['check', '--source', source, '--target', reading, '--json']);
      const report = JSON.parse(checked.stdout);
      t.same(report.differences.filter(isOfContent), [], 'check');
      t.ok(report.chunksVerified > 500 && report.blobsVerified === 2, 'check read everything');

      // As a chunk dictionary: members of batches are stored anew, the large chunks are not.
      const target = `oci:${image.layout}:again`;
      const { stderr } = await runShoal([
        ...['convert', '--source', source, '--target', target, '--chunk-dict', reading],
        ...['--compressor', compressor, '--digester', digester],
      ]);
      t.match(stderr, /deduplicated/, 'large chunks of the dictionary are used');
      await runShoal(['check', '--source', source, '--target', target]);
    });
  }
});

/** The builder's image has no history, and no time of the root. */
function isOfContent({ scope, path }: { scope: string; path: string }): boolean {
  return (scope === 'tree' && path !== '/') || scope === 'content';
}
