import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseReference } from '@shoal/oci';
import { buildLayout, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import type { ConvertOptions } from '../src/index.ts';
import { checkImages, convertImage, openConvertedImage } from '../src/index.ts';
import { CountedRegistry, noiseLayout } from './support/test-images.ts';

t.setTimeout(200_000);
const MIB = 1 << 20;

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
