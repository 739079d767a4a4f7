/**
 * Whole images: an original, what conversion makes of it, and what unpacking gives back are equal;
 * damage and changes are found.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { parseReference } from '@shoal/oci';
import {
  buildLayout,
  buildTortureLayout,
  noise,
  temporaryDirectory,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import type { ConvertOptions } from '../src/index.ts';
import { checkImages, convertImage, openConvertedImage, unpackImage } from '../src/index.ts';

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

t.test('every cut, compressor and digester', async (t) => {
  const variants: readonly Partial<ConvertOptions>[] = [
    { compressor: 'none', chunkSizeBytes: 4096 },
    { compressor: 'lz4_block', chunkSizeBytes: 65536, digester: 'blake3' },
    { compressor: 'zstd', chunkSizeBytes: 1 << 24 },
  ];
  const converted = await convert('converted-again');
  for (const [index, options] of variants.entries()) {
    const other = await convert(`variant-${index}`, options);
    const report = await check(original, other);
    t.same(report.differences, [], JSON.stringify(options));
    const between = await check(converted, other);
    t.same(between.differences, [], 'two converted images that are cut differently');
  }
});

t.test('unpacking gives the original back', async (t) => {
  const converted = await convert('to-unpack');
  for (const compression of ['gzip', 'zstd', 'none'] as const) {
    const target = layout(`unpacked-${compression}`);
    const report = await unpackImage({ source: converted, target, compression });
    t.same(report.leftOut, []);
    const compared = await check(original, target);
    t.same(compared.differences, [], compression);
    t.equal(compared.target.kind, 'ordinary');
  }
  const again = layout('unpacked-again');
  const first = await unpackImage({ source: converted, target: again });
  const second = await unpackImage({ source: converted, target: layout('unpacked-twice') });
  t.equal(first.manifest, second.manifest, 'the same input gives the same image');
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
    ['content /f content', 'tree /g name'],
  );
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
  const child = image.bootstrap.lookup(
    image.bootstrap.root(),
    [...image.bootstrap.directory(image.bootstrap.root())][0]?.name as never,
  );
  const inode = image.bootstrap.inode(child?.nid ?? 0);
  const first: Buffer[] = [];
  for await (const piece of image.readFile(inode, { length: 65536 }))
    first.push(Buffer.from(piece));
  t.ok(Buffer.concat(first).equals(noise(300_000, 'noise').subarray(0, 65536)));
  const reading = (async () => {
    for await (const _ of image.readFile(inode, { offset: 65536, length: 1 }));
  })();
  await t.rejects(reading, { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
});
