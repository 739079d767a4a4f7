/** Conversions that write an index or stand beside their original: platforms, merged indexes, referrers. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MediaType, NYDUS_OS_FEATURE, parsePlatform, parseReference } from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import { buildLayout, buildTortureLayout, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { checkImages, convertImage } from '../src/index.ts';
import { blobPath, CountedRegistry, readDocument, rootDocument } from './support/test-images.ts';

t.setTimeout(200_000);
const directory = temporaryDirectory(t);
const torture = parseReference(`oci:${buildTortureLayout(`${directory}/torture`, 'mixed')}:latest`);
const layout = (name: string) => parseReference(`oci:${directory}/${name}:latest`);

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
  const { digest, warnings } = await convertImage({ source: torture, target, withReferrer: true });
  t.match(warnings, [/only when the same original is in 127\.0\.0\.1:\d+\/app, too/]);
  const subject = rootDocument(`${directory}/torture`).descriptor.digest;
  await using store = await openSource(target, {});
  t.same(
    (await store.listReferrers(subject)).map((found) => found.digest),
    [digest],
  );
  const beside = { ...torture, tag: 'nydus' };
  const report = await convertImage({ source: torture, target: beside, withReferrer: true });
  t.same(report.warnings, [], 'beside its original');
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
