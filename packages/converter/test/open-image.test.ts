/** Finding the right manifest: indexes, marks, platforms, registries, wrong kinds of references. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { parsePlatform, parseReference } from '@shoal/oci';
import { PlatformMissingError } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { buildLayout, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import {
  checkAllPlatforms,
  checkImages,
  convertImage,
  isImageFile,
  openBootstrapFile,
  openConvertedImage,
  openImage,
} from '../src/index.ts';

t.setTimeout(200_000);
const directory = temporaryDirectory(t);
const source = `oci:${directory}/source`;
const other = `oci:${directory}/other`;

t.before(async () => {
  const layers = [{ tar: writeTar([{ name: 'file', content: 'content' }]) }];
  buildLayout({ directory: `${directory}/source`, layers });
  const platform = { os: 'linux', architecture: 's390x' };
  buildLayout({ directory: `${directory}/other`, layers, platform });
});

async function kindOf(reference: string, prefer: 'converted' | 'ordinary', platform?: string) {
  await using image = await openImage(parseReference(reference), {
    prefer,
    ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
  });
  return image.kind;
}

t.test('original and converted image in one index', async (t) => {
  await using registry = await EmbeddedRegistry.listen({ port: 0 });
  const target = `${registry.host}/images/app:merged`;
  await convertImage({
    source: parseReference(source),
    target: parseReference(target),
    mergePlatform: true,
  });
  t.equal(await kindOf(target, 'ordinary'), 'ordinary');
  t.equal(await kindOf(target, 'converted'), 'converted');
  const reference = parseReference(target);
  const report = await checkImages({ source: reference, target: reference });
  t.ok(report.isEqual);
  t.same([report.source.kind, report.target.kind], ['ordinary', 'converted']);
  await t.rejects(kindOf(target, 'converted', 'linux/s390x'), {
    code: 'ERR_REGISTRY_CLIENT_PLATFORM_MISSING',
    message: /linux\/s390x; it has linux\//,
  });
});

t.test('a manifest of another platform is opened unless another was asked for', async (t) => {
  t.equal(await kindOf(other, 'converted'), 'ordinary');
  t.equal(await kindOf(other, 'converted', 'linux/s390x'), 'ordinary');
  await t.rejects(kindOf(other, 'converted', 'linux/arm64'), {
    code: 'ERR_REGISTRY_CLIENT_PLATFORM_MISSING',
  });
});

t.test('an index that is an index of indexes, of nothing, of attestations only', async (t) => {
  const layout = `${directory}/source`;
  const index = JSON.parse(readFileSync(`${layout}/index.json`, 'utf8'));
  const descriptor = index.manifests[0];
  const attestation = { ...descriptor, platform: { os: 'unknown', architecture: 'unknown' } };
  for (const manifests of [[], [attestation]]) {
    const document = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests,
    };
    const bytes = Buffer.from(JSON.stringify(document));
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(`${layout}/blobs/sha256/${hex}`, bytes);
    const { mediaType } = document;
    const annotations = { 'org.opencontainers.image.ref.name': 'odd' };
    const entry = { mediaType, digest: `sha256:${hex}`, size: bytes.length, annotations };
    writeFileSync(
      `${layout}/index.json`,
      JSON.stringify({ ...index, manifests: [descriptor, entry] }),
    );
    await t.rejects(kindOf(`${source}:odd`, 'converted'), {
      code: 'ERR_REGISTRY_CLIENT_PLATFORM_MISSING',
      message: /it holds no image/,
    });
  }
});

t.test('errors name the image or file, and not ten thousand platforms', async (t) => {
  const offered = Array.from({ length: 5000 }, (_, n) => `linux/a${n % 100}`);
  const { message } = new PlatformMissingError('r.example/a:1', 'linux/amd64', offered);
  t.match(message, /linux\/a23 and 76 more$/);
  const converted = `oci:${directory}/named:latest`;
  await convertImage({
    source: parseReference(other),
    target: parseReference(converted),
    platforms: { kind: 'all' },
  });
  const image = await openConvertedImage(parseReference(converted));
  const bytes = Buffer.from(image.layer.bootstrap);
  await image.close();
  bytes.fill(0xff, 4096);
  writeFileSync(`${directory}/damaged.boot`, bytes);
  await t.rejects(openBootstrapFile(`${directory}/damaged.boot`), {
    code: /^ERR_RAFS_/,
    message: /^[^:]*damaged\.boot: /,
  });
  await t.rejects(openBootstrapFile('/proc/self/mem'), { code: 'ERR_CONVERTER_IMAGE_FILE' });
  for (const file of ['nothing.boot', './nothing', '/nothing']) t.ok(await isImageFile(file), file);
  for (const image of ['nothing', 'boot', 'host/nothing.boot', 'nothing:1.boot']) {
    t.notOk(await isImageFile(image), image);
  }
});

t.test('an image without any content', async (t) => {
  buildLayout({
    directory: `${directory}/empty`,
    layers: [{ tar: writeTar([{ name: 'only/', type: 'directory' }]) }],
  });
  const [from, to] = [`oci:${directory}/empty`, `oci:${directory}/empty-converted:latest`];
  await convertImage({ source: parseReference(from), target: parseReference(to) });
  const report = await checkImages({ source: parseReference(from), target: parseReference(to) });
  t.same(report.differences, []);
  t.same([report.inodes, report.chunksVerified], [2, 0]);
});

t.test('what is no image, or not a converted one', async (t) => {
  await t.rejects(openImage(parseReference(`dir:${directory}`)), {
    code: 'ERR_CONVERTER_IMAGE_PATH',
  });
  await t.rejects(openConvertedImage(parseReference(source)), {
    code: 'ERR_REGISTRY_CLIENT_NOT_CONVERTED',
  });
});

t.test('a converted image is found through the original it refers to', async (t) => {
  await using registry = await EmbeddedRegistry.listen({ port: 0 });
  const original = `${registry.host}/images/app:1`;
  const copy = { source: parseReference(source), target: parseReference(original) };
  await convertImage({ ...copy, mergePlatform: true });
  await using ordinary = await openImage(parseReference(original), { prefer: 'ordinary' });
  const byDigest = `${registry.host}/images/app@${ordinary.facts.descriptor.digest}`;
  await t.rejects(openConvertedImage(parseReference(byDigest)), {
    code: 'ERR_REGISTRY_CLIENT_NOT_CONVERTED',
  });
  await convertImage({
    source: parseReference(byDigest),
    target: parseReference(`${registry.host}/images/app:converted`),
    withReferrer: true,
  });
  await using converted = await openConvertedImage(parseReference(byDigest));
  t.equal(converted.facts.manifest.subject?.digest, ordinary.facts.descriptor.digest);
  t.equal(converted.summary.files, 1);
});

t.test('every platform of an index', async (t) => {
  await using registry = await EmbeddedRegistry.listen({ port: 0 });
  const target = parseReference(`${registry.host}/images/app:merged`);
  await convertImage({ source: parseReference(source), target, mergePlatform: true });
  const reports = await checkAllPlatforms({ source: target, target });
  t.equal(reports.length, 1);
  t.ok(reports.every(({ isEqual }) => isEqual));
  const single = parseReference(source);
  t.equal((await checkAllPlatforms({ source: single, target: single })).length, 1);
});
