/**
 * Whole conversions: what is stored where, what is not moved twice, and that equal input gives
 * equal bytes.
 */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { MediaType, NydusAnnotation, parseReference } from '@shoal/oci';
import {
  buildLayout,
  buildTortureLayout,
  noise,
  temporaryDirectory,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import { resolveImagePath } from '../src/image/image-path.ts';
import { checkImages, convertImage, openConvertedImage } from '../src/index.ts';
import { CountedRegistry } from './support/test-images.ts';

t.setTimeout(200_000);
const MIB = 1 << 20;
const directory = temporaryDirectory(t);
const torture = parseReference(`oci:${buildTortureLayout(`${directory}/torture`, 'mixed')}:latest`);
const layout = (name: string) => parseReference(`oci:${directory}/${name}:latest`);

function listing(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .map((name) => {
      const digest = createHash('sha256')
        .update(readFileSync(join(path, name)))
        .digest('hex');
      return `${name} ${digest}`;
    })
    .sort();
}

t.test('two conversions of one image give the same bytes', async (t) => {
  const reports = [];
  for (const name of ['first', 'second']) {
    reports.push(await convertImage({ source: torture, target: layout(name) }));
  }
  t.same(listing(`${directory}/first`), listing(`${directory}/second`));
  t.equal(reports[0]?.digest, reports[1]?.digest);
  t.match(reports[0], { mediaType: MediaType.ociManifest, warnings: [] });
});

t.test('through a registry: data blobs, bootstrap last, marks, history', async (t) => {
  const registry = await CountedRegistry.listen(t);
  const target = registry.reference('torture:nydus');
  const report = await convertImage({ source: torture, target });
  t.same((await checkImages({ source: torture, target })).differences, []);
  await using image = await openConvertedImage(target);
  const { manifest, config } = image.facts;
  const blobs = manifest.layers.slice(0, -1);
  t.ok(blobs.every(({ mediaType }) => mediaType === MediaType.nydusBlob));
  t.ok(blobs.every(({ annotations }) => annotations?.[NydusAnnotation.blob] === 'true'));
  const bootstrap = manifest.layers.at(-1);
  t.equal(bootstrap?.mediaType, MediaType.ociLayerTarGzip);
  t.match(bootstrap?.annotations, {
    [NydusAnnotation.bootstrap]: 'true',
    [NydusAnnotation.fsVersion]: '6',
  });
  t.same(
    config.rootfs.diff_ids.slice(0, -1),
    blobs.map(({ digest }) => digest),
  );
  t.equal(report.manifests[0]?.targetManifest, image.facts.descriptor.digest);
  t.equal(
    report.targetBytes,
    manifest.layers.reduce((sum, { size }) => sum + size, 0),
  );
  t.equal(registry.registry.openUploads, 0);
});

t.test('a layer without file data has no blob, an image without any has none', async (t) => {
  const empty = writeTar([
    { name: 'd/', type: 'directory' },
    { name: 'empty', content: '' },
  ]);
  const full = writeTar([{ name: 'd/f', content: 'data' }]);
  buildLayout({
    directory: `${directory}/sparse`,
    layers: [{ tar: empty }, { tar: full }, { tar: empty }],
  });
  const source = layout('sparse');
  const report = await convertImage({ source, target: layout('sparse-out') });
  const layers = report.manifests[0]?.layers ?? [];
  t.same(
    layers.map(({ blobDigest }) => blobDigest !== undefined),
    [false, true, false],
  );
  t.same((await checkImages({ source, target: layout('sparse-out') })).differences, []);
  buildLayout({ directory: `${directory}/void`, layers: [{ tar: empty }] });
  await convertImage({ source: layout('void'), target: layout('void-out') });
  await using image = await openConvertedImage(layout('void-out'));
  t.equal(image.facts.manifest.layers.length, 1);
  t.equal(image.bootstrap.blobs.length, 0);
});

t.test('a chunk is stored once in an image', async (t) => {
  const data = noise(3 * MIB, 'shared');
  const tar = (name: string) => writeTar([{ name, content: data }]);
  buildLayout({ directory: `${directory}/dup`, layers: [{ tar: tar('a') }, { tar: tar('b') }] });
  const report = await convertImage({ source: layout('dup'), target: layout('dup-out') });
  t.match(report.manifests[0]?.layers[1], {
    dedupedChunks: 3,
    dedupedBytes: 3 * MIB,
    blobBytes: 0,
  });
  t.same((await checkImages({ source: layout('dup'), target: layout('dup-out') })).differences, []);
});

t.test('--prefetch-patterns: paths that exist, once each; the others are told', async (t) => {
  const report = await convertImage({
    source: torture,
    target: layout('prefetch'),
    prefetchPatterns: ['/many', '/etc/passwd', '/etc/../etc/passwd', '/nothing'].map((path) => ({
      path,
      part: undefined,
    })),
  });
  t.match(report.warnings, [/\/nothing/]);
  await using image = await openConvertedImage(layout('prefetch'));
  const nids = ['/many', '/etc/passwd'].map(
    (path) => resolveImagePath(image.tree, path, false).handle,
  );
  t.same(image.bootstrap.prefetchNids, nids);
});

t.test('a directory as source', async (t) => {
  const tree = temporaryDirectory(t);
  mkdirSync(join(tree, 'sub'));
  writeFileSync(join(tree, 'sub', '.wh.kept'), 'a name like any other');
  writeFileSync(join(tree, 'large'), noise(3 * MIB + 5, 'large'));
  symlinkSync('sub/.wh.kept', join(tree, 'link'));
  const target = layout('from-directory');
  const report = await convertImage({ source: parseReference(`dir:${tree}`), target });
  t.equal(report.manifests[0]?.inodes, 5);
  await using image = await openConvertedImage(target);
  const names = image.tree.children(image.tree.root).map(({ name }) => `${name}`);
  t.same(names, ['large', 'link', 'sub']);
  const missing = convertImage({
    source: parseReference(`dir:${tree}/nothing`),
    target: layout('no'),
  });
  await t.rejects(missing, { code: 'ERR_CONVERTER_SOURCE_TREE' });
});
