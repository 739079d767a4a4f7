/** What is listed lies together at the end of its layer's blob, in the order of the list. */
import { parseReference } from '@shoal/oci';
import { byteStringFromText, firstReadRanges } from '@shoal/rafs';
import { buildLayout, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { resolveImagePath } from '../src/image/image-path.ts';
import type { ConvertOptions } from '../src/index.ts';
import { checkImages, convertImage, openConvertedImage } from '../src/index.ts';
import { FirstReads, type PrefetchPattern } from '../src/layer/first-reads.ts';

t.setTimeout(200_000);
const KIB = 1024;
const BLOCK_BYTES = 4096;
const chunkSizeBytes = 64 * KIB;
const directory = temporaryDirectory(t);
const oci = (name: string) => parseReference(`oci:${directory}/${name}:latest`);
const whole = (path: string): PrefetchPattern => ({ path, part: undefined });
const part = (path: string, offset: number, length: number): PrefetchPattern => ({
  path,
  part: { offset, length },
});

const lower = writeTar([
  { name: 'a', content: noise(10 * KIB, 'a') },
  { name: 'big', content: noise(512 * KIB, 'big') },
  { name: 'dir/one', content: noise(5 * KIB, 'one') },
  { name: 'dir/two', content: noise(6 * KIB, 'two') },
  { name: 'late', content: noise(7 * KIB, 'late') },
  { name: 'copy-of-late', content: noise(7 * KIB, 'late') },
]);
const upper = writeTar([
  { name: 'other', content: noise(9 * KIB, 'other') },
  { name: 'listed-above', content: noise(3 * KIB, 'above') },
]);
buildLayout({ directory: `${directory}/source`, layers: [{ tar: lower }, { tar: upper }] });
const source = oci('source');
const prefetchPatterns = [
  whole('/late'),
  part('/big', 200 * KIB, 100 * KIB),
  whole('/dir'),
  whole('/listed-above'),
  whole('/nothing'),
];

async function converted(name: string, options: Partial<ConvertOptions> = {}) {
  const target = oci(name);
  const report = await convertImage({
    ...{ source, target, chunkSizeBytes, prefetchPatterns },
    ...options,
  });
  return { report, target };
}

t.test('the chunks of a list, of each layer, in the order of the list', async (t) => {
  const { target, report } = await converted('listed');
  t.match(report.warnings, [/\/nothing/]);
  t.same((await checkImages({ source, target })).differences, []);
  await using image = await openConvertedImage(target);
  const { bootstrap, tree } = image;
  const blocksOf = (path: string) => {
    const inode = bootstrap.inode(resolveImagePath(tree, path, false).handle);
    return bootstrap.chunkEntries(inode).map(({ blockAddress }) => blockAddress);
  };
  const [first, second] = firstReadRanges(bootstrap);
  const start = (first?.offset ?? 0) / BLOCK_BYTES;
  const blocks = (bytes: number) => Math.ceil(bytes / BLOCK_BYTES);
  const [late, chunk] = [blocks(7 * KIB), blocks(chunkSizeBytes)];
  t.same(blocksOf('/late'), [start]);
  t.same(blocksOf('/copy-of-late'), [start], 'stored once');
  t.same(blocksOf('/big').slice(3, 5), [start + late, start + late + chunk], 'whole chunks');
  const afterBig = start + late + 2 * chunk;
  t.same(blocksOf('/dir/one'), [afterBig]);
  t.same(blocksOf('/dir/two'), [afterBig + blocks(5 * KIB)]);
  const end = afterBig + blocks(5 * KIB) + blocks(6 * KIB);
  t.equal((first?.length ?? 0) / BLOCK_BYTES, end - start);
  t.equal(bootstrap.deviceSlots[0]?.blocks, end, 'the end of the blob');
  const others = ['/a', '/big'].flatMap(blocksOf).filter((block) => block < start);
  t.equal(others.length, 1 + 6, 'the rest before them');
  t.same(blocksOf('/listed-above'), [(second?.offset ?? 0) / BLOCK_BYTES]);
  t.equal(bootstrap.prefetchNids.length, 3, 'for nydusd: what is listed whole');
});

t.test('what is listed under several names comes where the first of them is listed', async (t) => {
  const patterns = ['/copy-of-late', '/a', '/late'].map(whole);
  const { target } = await converted('names', { prefetchPatterns: patterns });
  t.same((await checkImages({ source, target })).differences, []);
  await using image = await openConvertedImage(target);
  const { bootstrap, tree } = image;
  const [late, a] = ['/late', '/a'].map((path) => {
    const inode = bootstrap.inode(resolveImagePath(tree, path, false).handle);
    return bootstrap.chunkEntries(inode)[0]?.blockAddress;
  });
  const [first] = firstReadRanges(bootstrap);
  t.equal(late, (first?.offset ?? 0) / BLOCK_BYTES);
  t.equal(a, (late ?? 0) + 2);
});

t.test('the same bytes every time, also from the build cache', async (t) => {
  const buildCache = { kind: 'directory', path: `${directory}/cache` } as const;
  const { report: plain } = await converted('again');
  const { report: filled } = await converted('filled', { buildCache });
  const { report: reused } = await converted('filled', { buildCache });
  t.equal(filled.digest, plain.digest);
  t.equal(reused.digest, plain.digest);
  t.same(
    reused.manifests[0]?.layers.map(({ origin }) => origin),
    ['build-cache', 'build-cache'],
  );
  const { report: unlisted } = await converted('filled', { buildCache, prefetchPatterns: [] });
  t.same(
    unlisted.manifests[0]?.layers.map(({ origin }) => origin),
    ['converted', 'converted'],
  );
  t.not(unlisted.digest, plain.digest, 'without a list the bytes lie elsewhere');
});

t.test('first reads of a dictionary are not those of the image', async (t) => {
  await converted('dict');
  const { target } = await converted('with-dict', {
    chunkDicts: [oci('dict')],
    prefetchPatterns: [whole('/a')],
  });
  t.same((await checkImages({ source, target })).differences, []);
  await using image = await openConvertedImage(target);
  t.same(firstReadRanges(image.bootstrap), []);
});

t.test('ranks: exact paths, directories, parts, the first line that fits', async (t) => {
  const reads = new FirstReads([
    part('/a/big', 100, 50),
    whole('/a/./b/'),
    part('/a/big', 120, 1000),
    part('/a', 0, 10),
    whole('/'),
  ]);
  const rank = (path: string, offset: number, length: number) =>
    reads.ranksOf(byteStringFromText(path))?.(offset, length);
  t.equal(rank('a/big', 0, 100), undefined);
  t.equal(rank('./a/big', 0, 101), 0);
  t.equal(rank('a/big', 149, 10), 0);
  t.equal(rank('a/big', 150, 10), 2);
  t.equal(rank('a/big', 1120, 10), undefined);
  t.equal(rank('/a/b', 5, 5), 1);
  t.equal(rank('a/b/c/d', 5, 5), 1, 'a directory stands for what is below it');
  t.equal(rank('a/c', 0, 5), undefined, 'a part of a directory is nothing');
  t.equal(rank('elsewhere', 0, 5), undefined, 'the root says nothing of an order');
});

t.test(
  'without a place for temporary files: an error that says so, and nothing is left',
  async (t) => {
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = `${directory}/missing`;
    t.teardown(() => {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    });
    await t.rejects(converted('unplaced'), {
      code: 'ERR_CONVERTER_TEMPORARY_FILE',
      message: /missing/,
    });
    await t.rejects(openConvertedImage(oci('unplaced')));
  },
);
