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
import {
  MediaType,
  NYDUS_OS_FEATURE,
  NydusAnnotation,
  parsePlatform,
  parseReference,
} from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import {
  buildLayout,
  buildTortureLayout,
  noise,
  temporaryDirectory,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import { resolveImagePath } from '../src/image/image-path.ts';
import type { ConvertOptions } from '../src/index.ts';
import { checkImages, convertImage, openConvertedImage } from '../src/index.ts';
import {
  blobPath,
  CountedRegistry,
  noiseLayout,
  readDocument,
  rootDocument,
} from './support/test-images.ts';

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

for (const kind of ['directory', 'image'] as const) {
  t.test(`build cache in a ${kind}: only what changed is read and uploaded`, async (t) => {
    const registry = await CountedRegistry.listen(t);
    const sources = temporaryDirectory(t);
    const common = [
      ['base', 3 * MIB],
      ['middle', MIB],
    ] as const;
    const buildCache =
      kind === 'directory'
        ? ({ kind, path: `${sources}/cache` } as const)
        : ({ kind, reference: registry.reference('cache:main') } as const);
    const target = (tag: string) => registry.reference(`app:${tag}`);
    const run = (tag: string, last: readonly [string, number]) => {
      const source = noiseLayout(`${sources}/${tag}`, [...common, last]);
      registry.take();
      return convertImage({ source, target: target(tag), buildCache });
    };
    await run('a', ['top', MIB]);
    const report = await run('b', ['other', 128 << 10]);
    const { bytesIn } = registry.take();
    const origins = report.manifests[0]?.layers.map(({ origin }) => origin);
    t.same(origins, ['build-cache', 'build-cache', 'converted']);
    t.ok(bytesIn < 200 << 10, `${bytesIn} bytes uploaded`);
    const plain = await convertImage({
      source: parseReference(`oci:${sources}/b:latest`),
      target: target('c'),
    });
    t.equal(report.digest, plain.digest, 'the same bytes as without a cache');
    const again = await run('d', ['other', 128 << 10]);
    const second = registry.take();
    t.equal(again.digest, report.digest);
    t.ok(second.bytesIn < 64 << 10, `${second.bytesIn} bytes uploaded for nothing new`);
  });
}

t.test('build cache: unchanged layers are not read from the source', async (t) => {
  const registry = await CountedRegistry.listen(t);
  const sources = temporaryDirectory(t);
  const copy = async (tag: string, layers: readonly (readonly [string, number])[]) => {
    // An ordinary image reaches the registry as the original half of a merged index.
    await convertImage({
      source: noiseLayout(`${sources}/${tag}`, layers),
      target: registry.reference(`source:${tag}`),
      mergePlatform: true,
    });
  };
  await copy('one', [
    ['base', 4 * MIB],
    ['top', MIB],
  ]);
  await copy('two', [
    ['base', 4 * MIB],
    ['new', MIB],
  ]);
  const buildCache = { kind: 'directory', path: `${sources}/cache` } as const;
  const run = (tag: string) =>
    convertImage({
      source: registry.reference(`source:${tag}`),
      target: registry.reference(`app:${tag}`),
      buildCache,
    });
  await run('one');
  registry.take();
  await run('two');
  const { bytesOut, bytesIn } = registry.take();
  t.ok(bytesOut < 1.4 * MIB, `${bytesOut} bytes read`);
  t.ok(bytesIn < 1.4 * MIB, `${bytesIn} bytes uploaded`);
});

t.test('build cache: a damaged record or a lost blob is converted again', async (t) => {
  const sources = temporaryDirectory(t);
  const source = noiseLayout(`${sources}/in`, [['base', MIB]]);
  const buildCache = { kind: 'directory', path: `${sources}/cache` } as const;
  const run = (name: string) =>
    convertImage({ source, target: parseReference(`oci:${sources}/${name}`), buildCache });
  const first = await run('a');
  t.equal((await run('elsewhere')).manifests[0]?.layers[0]?.origin, 'converted', 'blob not there');
  const [record = ''] = readdirSync(`${sources}/cache`);
  const bytes = readFileSync(`${sources}/cache/${record}`);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  writeFileSync(`${sources}/cache/${record}`, bytes);
  const again = await run('a');
  t.equal(again.manifests[0]?.layers[0]?.origin, 'converted');
  t.equal(again.digest, first.digest);
  t.equal(
    (await run('a')).manifests[0]?.layers[0]?.origin,
    'build-cache',
    'the record was renewed',
  );
});

t.test('chunk dictionary: known chunks are referred to, their blob becomes a layer', async (t) => {
  const registry = await CountedRegistry.listen(t);
  const sources = temporaryDirectory(t);
  const dict = registry.reference('dict:1');
  await convertImage({ source: noiseLayout(`${sources}/dict`, [['lib', 3 * MIB]]), target: dict });
  const data = noise(3 * MIB, 'lib');
  buildLayout({
    directory: `${sources}/app`,
    layers: [
      {
        tar: writeTar([
          { name: 'copy', content: data },
          { name: 'own', content: noise(9, '') },
        ]),
      },
    ],
  });
  const source = parseReference(`oci:${sources}/app:latest`);
  const target = registry.reference('app:1');
  registry.take();
  const report = await convertImage({ source, target, chunkDicts: [dict] });
  t.ok(registry.take().bytesIn < 100_000, 'mounted, not copied');
  t.match(report.manifests[0]?.layers[0], { dictBytes: 3 * MIB });
  t.same((await checkImages({ source, target })).differences, []);
  await using image = await openConvertedImage(target);
  t.equal(image.bootstrap.blobs.length, 2);
  const elsewhere = parseReference(`oci:${sources}/out`);
  await convertImage({ source, target: elsewhere, chunkDicts: [dict] });
  t.same((await checkImages({ source, target: elsewhere })).differences, []);
  const wrong: Partial<ConvertOptions>[] = [{ chunkSizeBytes: 65536 }, { digester: 'blake3' }];
  for (const options of wrong) {
    const run = convertImage({ source, target, chunkDicts: [dict], ...options });
    await t.rejects(run, { code: 'ERR_CONVERTER_CHUNK_DICT' });
  }
});

t.test('--merge-platform: one index with the original and the marked conversion', async (t) => {
  await convertImage({ source: torture, target: layout('merged'), mergePlatform: true });
  const { document } = rootDocument(`${directory}/merged`);
  if (document.kind !== 'index') throw new Error('no index');
  const [original, converted] = document.manifests;
  t.equal(original?.digest, rootDocument(`${directory}/torture`).descriptor.digest);
  t.same(converted?.platform?.['os.features'], [NYDUS_OS_FEATURE]);
  const manifest = readDocument(blobPath(`${directory}/merged`, converted?.digest ?? ''));
  t.match(manifest, { config: { mediaType: MediaType.nydusConfig } });
  const merged = layout('merged');
  t.same((await checkImages({ source: merged, target: merged })).differences, []);
  await convertImage({ source: merged, target: layout('from-merged') });
  t.same((await checkImages({ source: torture, target: layout('from-merged') })).differences, []);
});

t.test('--with-referrer: the conversion is found from the original', async (t) => {
  const registry = await CountedRegistry.listen(t);
  const target = registry.reference('app:nydus');
  const { digest } = await convertImage({ source: torture, target, withReferrer: true });
  const subject = rootDocument(`${directory}/torture`).descriptor.digest;
  await using store = await openSource(target, {});
  t.same(
    (await store.listReferrers(subject)).map((found) => found.digest),
    [digest],
  );
});

t.test('--prefetch-patterns: paths that exist, once each; the others are told', async (t) => {
  const report = await convertImage({
    source: torture,
    target: layout('prefetch'),
    prefetchPaths: ['/many', '/etc/passwd', '/etc/../etc/passwd', '/nothing'],
  });
  t.match(report.warnings, [/\/nothing/]);
  await using image = await openConvertedImage(layout('prefetch'));
  const nids = ['/many', '/etc/passwd'].map(
    (path) => resolveImagePath(image.tree, path, false).handle,
  );
  t.same(image.bootstrap.prefetchNids, nids);
});

t.test('--all-platforms and --platform', async (t) => {
  const sources = temporaryDirectory(t);
  const platforms = ['linux/amd64', 'linux/arm64', 'windows/amd64'].map(parsePlatform);
  const manifests = platforms.map((platform, position) => {
    const content = `for ${platform.architecture}`;
    const path = `${sources}/${position}`;
    buildLayout({
      directory: path,
      platform,
      layers: [{ tar: writeTar([{ name: 'f', content }]) }],
    });
    return { path, platform, ...rootDocument(path).descriptor };
  });
  const source = mergeLayouts(`${sources}/index`, manifests);
  const all = await convertImage({ source, target: layout('all'), platforms: { kind: 'all' } });
  t.same(
    all.manifests.map(({ platform }) => platform),
    ['linux/amd64', 'linux/arm64'],
  );
  t.equal(all.mediaType, MediaType.ociIndex);
  t.match(all.warnings, [/windows\/amd64 was left out/]);
  const arm = { kind: 'one', platform: parsePlatform('linux/arm64') } as const;
  const one = await convertImage({ source, target: layout('arm'), platforms: arm });
  t.equal(one.mediaType, MediaType.ociManifest);
  t.equal(one.manifests[0]?.platform, 'linux/arm64');
  for (const [text, code] of [
    ['windows/amd64', 'ERR_CONVERTER_SOURCE_KIND'],
    ['linux/s390x', 'ERR_REGISTRY_CLIENT_PLATFORM_MISSING'],
  ] as const) {
    const wanted = { kind: 'one', platform: parsePlatform(text) } as const;
    const run = convertImage({ source, target: layout('none'), platforms: wanted });
    await t.rejects(run, { code });
  }
  const windows = parseReference(`oci:${sources}/2:latest`);
  await t.rejects(convertImage({ source: windows, target: layout('none') }), {
    code: 'ERR_CONVERTER_SOURCE_KIND',
  });
});

/** One layout with an index of the given manifests. */
function mergeLayouts(path: string, parts: readonly { path: string; digest: string }[]) {
  mkdirSync(join(path, 'blobs', 'sha256'), { recursive: true });
  for (const part of parts) {
    for (const name of readdirSync(join(part.path, 'blobs/sha256'))) {
      writeFileSync(
        join(path, 'blobs/sha256', name),
        readFileSync(join(part.path, 'blobs/sha256', name)),
      );
    }
  }
  const manifests = parts.map(({ path: _, ...descriptor }) => ({
    ...descriptor,
    annotations: undefined,
  }));
  const index = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: MediaType.ociIndex, manifests }),
  );
  const digest = createHash('sha256').update(index).digest('hex');
  writeFileSync(join(path, 'blobs/sha256', digest), index);
  const root = { mediaType: MediaType.ociIndex, digest: `sha256:${digest}`, size: index.length };
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  const top = { schemaVersion: 2, manifests: [{ ...root, annotations }] };
  writeFileSync(join(path, 'index.json'), JSON.stringify(top));
  writeFileSync(join(path, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return parseReference(`oci:${path}:latest`);
}

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
