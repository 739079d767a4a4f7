/**
 * Whole images: an original, what conversion makes of it, and what unpacking gives back are equal;
 * damage and changes are found.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseReference, sha256Digest } from '@shoal/oci';
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
import { checkImages, convertImage, openConvertedImage, unpackImage } from '../src/index.ts';

t.setTimeout(200_000);
const directory = temporaryDirectory(t);
const original = parseReference(
  `oci:${buildTortureLayout(`${directory}/original`, 'mixed')}:latest`,
);
const layout = (name: string) => parseReference(`oci:${directory}/${name}:latest`);

async function convert(name: string, options: Partial<ConvertOptions> = {}) {
  const target = layout(name);
  await convertImage({ source: original, target, ...options });
  return target;
}

function check(source: typeof original, target: typeof original) {
  return checkImages({ source, target });
}

t.test('a converted image equals its original', async (t) => {
  const converted = await convert('converted');
  const report = await check(original, converted);
  t.same(report.differences, []);
  t.ok(report.isEqual);
  t.equal(report.source.kind, 'ordinary');
  t.equal(report.target.kind, 'converted');
  t.ok(report.inodes > 300 && report.files > 300 && report.chunksVerified > 300);
  t.ok(report.bytes > 5_000_000);
  t.ok(report.allowedChanges.some(({ path }) => path === 'layers'));
});

t.test('other cuts, compressors and digesters', async (t) => {
  const plain = await convert('plain', { compressor: 'none', chunkSizeBytes: 1 << 24 });
  const small = { compressor: 'lz4_block', chunkSizeBytes: 16384, digester: 'blake3' } as const;
  const cut = await convert('cut', small);
  t.same((await check(original, cut)).differences, []);
  t.same((await check(plain, cut)).differences, [], 'two converted images, cut differently');
});

t.test('unpacking gives the original back', async (t) => {
  const target = layout('unpacked');
  const report = await unpackImage({ source: layout('converted'), target });
  t.same(report.leftOut, []);
  const compared = await check(original, target);
  t.same(compared.differences, []);
  t.equal(compared.target.kind, 'ordinary');
  const again = await unpackImage({ source: layout('converted'), target: layout('again') });
  t.equal(report.manifest, again.manifest, 'the same input gives the same image');
  for (const compression of ['zstd', 'none'] as const) {
    const other = await unpackImage({
      source: layout('converted'),
      target: layout(compression),
      compression,
    });
    t.equal(other.diffId, report.diffId, compression);
  }
});

t.test('a changed image is found different', async (t) => {
  const one = buildLayout({
    directory: `${directory}/one`,
    layers: [{ tar: writeTar([{ name: 'f', content: 'a' }]) }],
  });
  const other = buildLayout({
    directory: `${directory}/other`,
    layers: [{ tar: writeTar([{ name: 'f', content: 'b' }, { name: 'g' }]) }],
  });
  const report = await check(parseReference(`oci:${one}`), parseReference(`oci:${other}`));
  t.notOk(report.isEqual);
  t.same(
    report.differences.map(({ scope, path, attribute }) => `${scope} ${path} ${attribute}`),
    ['tree /g name', 'content /f content'],
  );
});

t.test('a blob that is no layer of the manifest is found', async (t) => {
  const target = await convert('unlisted');
  const path = (name: string) => `${directory}/unlisted/${name}`;
  const index = JSON.parse(readFileSync(path('index.json'), 'utf8'));
  const [entry] = index.manifests;
  const manifest = JSON.parse(
    readFileSync(path(`blobs/${entry.digest.replace(':', '/')}`), 'utf8'),
  );
  manifest.layers.shift();
  const bytes = Buffer.from(JSON.stringify(manifest));
  const digest = sha256Digest(bytes);
  writeFileSync(path(`blobs/${digest.replace(':', '/')}`), bytes);
  Object.assign(entry, { digest, size: bytes.length });
  writeFileSync(path('index.json'), JSON.stringify(index));
  const { differences } = await check(original, target);
  t.match(differences, [{ attribute: 'layer', target: 'is no layer of the manifest' }]);
});

t.test('a flipped byte of a blob is found, and never handed out', async (t) => {
  const source = parseReference(
    `oci:${buildLayout({
      directory: `${directory}/noise`,
      layers: [{ tar: writeTar([{ name: 'noise', content: noise(300_000, 'noise') }]) }],
    })}`,
  );
  const target = layout('damaged');
  await convertImage({ source, target, chunkSizeBytes: 65536 });
  const blobs = `${directory}/damaged/blobs/sha256`;
  const largest = readdirSync(blobs)
    .sort((a, b) => sizeOf(a) - sizeOf(b))
    .at(-1);
  function sizeOf(name: string) {
    return statSync(`${blobs}/${name}`).size;
  }
  const bytes = readFileSync(`${blobs}/${largest}`);
  bytes.writeUInt8(bytes.readUInt8(70_000) ^ 1, 70_000);
  writeFileSync(`${blobs}/${largest}`, bytes);
  const report = await check(source, target);
  t.match(report.differences, [
    { scope: 'content', attribute: 'chunk 1', target: 'its digest is another' },
  ]);
  await using image = await openConvertedImage(target);
  const inode = image.bootstrap.inode(resolveImagePath(image.tree, '/noise', true).handle);
  const first: Buffer[] = [];
  for await (const piece of image.readFile(inode, { length: 65536 }))
    first.push(Buffer.from(piece));
  t.ok(Buffer.concat(first).equals(noise(300_000, 'noise').subarray(0, 65536)));
  const reading = (async () => {
    for await (const _ of image.readFile(inode, { offset: 65536, length: 1 })) t.fail('handed out');
  })();
  await t.rejects(reading, { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
  const unpacking = unpackImage({ source: target, target: layout('never') });
  await t.rejects(unpacking, { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
  t.notOk(existsSync(`${directory}/never`), 'a failed unpack leaves nothing behind');
});

t.test('what no layer can hold is left out and told', async (t) => {
  const tree = `${directory}/tree`;
  mkdirSync(tree);
  writeFileSync(`${tree}/.wh.name`, 'a name that means a deletion in a layer');
  writeFileSync(`${tree}/kept`, 'kept');
  const converted = layout('from-directory');
  await convertImage({ source: parseReference(`dir:${tree}`), target: converted });
  const report = await unpackImage({ source: converted, target: layout('partly') });
  t.match(report.leftOut, [{ path: '/.wh.name', reason: /deletion/ }]);
  const compared = await check(layout('partly'), converted);
  t.match(compared.differences, [{ path: '/.wh.name', attribute: 'name', target: 'file' }]);
});
