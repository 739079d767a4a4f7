/**
 * Conversions that cannot succeed: damaged sources, dying targets, interruption, impossible
 * options. Each ends in one coded error and leaves the tag alone.
 */
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShoalError } from '@shoal/errors';
import { parseReference } from '@shoal/oci';
import { buildLayout, noise, temporaryDirectory, writeTar } from '@shoal/test-kit';
import fc from 'fast-check';
import t from 'tap';
import { BlobLayout } from '../src/blob/blob-layout.ts';
import { ChunkIndex } from '../src/chunk/chunk-index.ts';
import { decodeLayerRecord, encodeLayerRecord } from '../src/convert/layer-record.ts';
import { readPrefetchFile } from '../src/convert/prefetch.ts';
import type { ConvertOptions } from '../src/index.ts';
import { convertImage } from '../src/index.ts';
import {
  blobPath,
  CountedRegistry,
  noiseLayout,
  rewriteManifest,
  rootDocument,
} from './support/test-images.ts';

t.setTimeout(200_000);
const directory = temporaryDirectory(t);
const good = noiseLayout(`${directory}/good`, [['a', 300_000]]);
let made = 0;

/** A fresh one-layer image; its layout directory. */
function freshImage(): string {
  const path = `${directory}/source-${made++}`;
  noiseLayout(path, [['data', 200_000]]);
  return path;
}

function layerPath(path: string): string {
  const { document } = rootDocument(path);
  const layer = document.kind === 'manifest' ? document.layers[0]?.digest : undefined;
  return blobPath(path, layer ?? '');
}

const DAMAGE: Readonly<Record<string, [string, (path: string) => void]>> = {
  'truncated layer': ['ERR_REGISTRY_CLIENT_SIZE', (path) => truncateSync(layerPath(path), 100_000)],
  'changed layer': [
    'ERR_REGISTRY_CLIENT_DIGEST',
    (path) => {
      const bytes = readFileSync(layerPath(path));
      bytes[50_000] = (bytes[50_000] ?? 0) ^ 0xff;
      writeFileSync(layerPath(path), bytes);
    },
  ],
  'wrong diff id': [
    'ERR_CONVERTER_LAYER_DIFF_ID',
    (path) =>
      rewriteManifest(path, (_, config) => {
        config['rootfs'] = { type: 'layers', diff_ids: [`sha256:${'0'.repeat(64)}`] };
      }),
  ],
  'missing diff id': [
    'ERR_CONVERTER_SOURCE_IMAGE',
    (path) =>
      rewriteManifest(path, (_, config) => {
        config['rootfs'] = { type: 'layers', diff_ids: [] };
      }),
  ],
  'windows image': [
    'ERR_CONVERTER_SOURCE_KIND',
    (path) =>
      rewriteManifest(path, (_, config) => {
        config['os'] = 'windows';
      }),
  ],
  'not a container image': [
    'ERR_CONVERTER_SOURCE_KIND',
    (path) =>
      rewriteManifest(path, (manifest) => {
        manifest['config'] = {
          ...(manifest['config'] as object),
          mediaType: 'application/vnd.cncf.helm.config.v1+json',
        };
      }),
  ],
};

for (const [what, [code, damage]] of Object.entries(DAMAGE)) {
  t.test(`${what}: refused, nothing tagged`, async (t) => {
    const path = freshImage();
    damage(path);
    const registry = await CountedRegistry.listen(t);
    const run = convertImage({
      source: parseReference(`oci:${path}:latest`),
      target: registry.reference('app:1'),
    });
    await t.rejects(run, { code });
    t.same(await registry.tags('app'), []);
    t.equal(registry.registry.openUploads, 0, 'no upload is left open');
  });
}

t.test('a layer that is no archive', async (t) => {
  const path = `${directory}/rubbish`;
  buildLayout({ directory: path, layers: [{ tar: noise(5000, 'rubbish'), compression: 'none' }] });
  const target = parseReference(`oci:${directory}/rubbish-out`);
  await t.rejects(convertImage({ source: parseReference(`oci:${path}:latest`), target }), {
    code: 'ERR_CONVERTER_TAR_CHECKSUM',
  });
  t.notOk(existsSync(`${directory}/rubbish-out/index.json`));
});

t.test('a converted image is not converted again', async (t) => {
  const target = parseReference(`oci:${directory}/twice:latest`);
  await convertImage({ source: good, target });
  const again = convertImage({ source: target, target: parseReference(`oci:${directory}/thrice`) });
  await t.rejects(again, { code: 'ERR_CONVERTER_SOURCE_KIND' });
});

t.test('the target dies: an error, soon', async (t) => {
  const registry = await CountedRegistry.listen(t);
  const run = convertImage({
    source: good,
    target: registry.reference('app:1'),
    client: { retry: { attemptsMax: 1 } },
    onProgress: (event) => {
      if (event.kind === 'layer-bytes') void registry.registry.close();
    },
  });
  await t.rejects(run, { code: 'ERR_REGISTRY_CLIENT_UNREACHABLE' });
});

t.test('interrupted: the reason comes back, nothing is tagged or left open', async (t) => {
  const registry = await CountedRegistry.listen(t);
  const controller = new AbortController();
  const run = convertImage({
    source: good,
    target: registry.reference('app:1'),
    signal: controller.signal,
    onProgress: (event) => {
      if (event.kind === 'layer-bytes') controller.abort(new Error('stop'));
    },
  });
  await t.rejects(run, { message: 'stop' });
  t.same(await registry.tags('app'), []);
  await t.rejects(convertImage({ source: good, target: good, signal: AbortSignal.abort() }));
});

const oci = (name: string) => parseReference(`oci:${directory}/${name}`);
const WRONG: Readonly<Record<string, Partial<ConvertOptions>>> = {
  'source is target': { target: parseReference(`oci:${directory}/./good:latest`) },
  'chunk size not a power of two': { chunkSizeBytes: 5000 },
  'chunk size too small': { chunkSizeBytes: 512 },
  'chunk size too large': { chunkSizeBytes: 32 << 20 },
  'target a directory': { target: parseReference(`dir:${directory}`) },
  'target a digest': { target: parseReference(`localhost:5000/a@sha256:${'0'.repeat(64)}`) },
  'relative prefetch path': { prefetchPatterns: [{ path: 'etc/passwd', part: undefined }] },
  'dictionary a directory': { chunkDicts: [parseReference(`dir:${directory}`)] },
  'merging a directory': { source: parseReference(`dir:${directory}`), mergePlatform: true },
};

for (const [what, options] of Object.entries(WRONG)) {
  t.test(`wrong use: ${what}`, async (t) => {
    const run = convertImage({ source: good, target: oci('never'), ...options });
    await t.rejects(run, { code: 'ERR_CONVERTER_OPTIONS' });
    t.notOk(existsSync(`${directory}/never`));
  });
}

t.test('a build cache that cannot be one', async (t) => {
  writeFileSync(`${directory}/file`, '');
  for (const path of [`${directory}/file`, `${directory}/no/such`, '/proc/cache']) {
    const buildCache = { kind: 'directory', path } as const;
    const run = convertImage({ source: good, target: oci('never'), buildCache });
    await t.rejects(run, { code: 'ERR_CONVERTER_BUILD_CACHE' }, path);
  }
  const layers = [{ tar: writeTar([{ name: 'f', content: 'data' }]) }];
  buildLayout({ directory: `${directory}/other`, layers });
  const buildCache = { kind: 'image', reference: oci('other') } as const;
  const run = convertImage({ source: good, target: oci('never'), buildCache });
  await t.rejects(run, { code: 'ERR_CONVERTER_BUILD_CACHE' }, 'an image that is none');
});

t.test('prefetch files: lines, comments; only regular files of some size', async (t) => {
  const path = join(directory, 'patterns');
  writeFileSync(path, '# comment\n/bin\r\n\n/etc/passwd\n/large\t4096\t100\n/a\tb\n/\u2028\t1\t2');
  const whole = { part: undefined };
  t.same(await readPrefetchFile(path), [
    { path: '/bin', ...whole },
    { path: '/etc/passwd', ...whole },
    { path: '/large', part: { offset: 4096, length: 100 } },
    { path: '/a\tb', ...whole },
    { path: '/\u2028', part: { offset: 1, length: 2 } },
  ]);
  writeFileSync(path, Buffer.from([0x2f, 0xff]));
  for (const bad of [path, directory, '/dev/zero', `${directory}/nothing`]) {
    await t.rejects(readPrefetchFile(bad), { code: 'ERR_CONVERTER_OPTION_FILE' }, bad);
  }
});

t.test('layer records: what is written is read back; anything else is a coded error', async (t) => {
  const format = { compressor: 'zstd', digester: 'sha256', chunkSizeBytes: 4096 } as const;
  const index = new ChunkIndex();
  const layout = new BlobLayout(index, format, 0);
  const digests = noise(96, 'digests');
  for (const at of [0, 32, 64]) layout.add(digests, at, 4096, 1000 + at);
  const blob = layout.toBlob(
    {
      digest: good.kind === 'layout' ? rootDocument(good.path).descriptor.digest : ('' as never),
      size: 7000,
      mediaType: 'a/b',
    },
    layout.encodeEnd(noise(32, 'data')),
  );
  const entries = Buffer.from('entries');
  const counts = { entryCount: 4, fileBytes: 9, dedupedChunks: 1, dedupedBytes: 2, dictBytes: 0 };
  const unit = { entries, ...counts, chunkNumbers: Uint32Array.of(0, 1, 2, 0), blob };
  const record = encodeLayerRecord(unit, index) ?? Buffer.alloc(0);
  const decode = (bytes: Buffer, has = true) => {
    const fresh = new ChunkIndex();
    return decodeLayerRecord(bytes, fresh, new BlobLayout(fresh, format, 0), async () => has);
  };
  const read = await decode(record);
  t.match(read, { ...counts, blob: { chunkCount: 3, storedBytes: 3096 } });
  t.same(read?.chunkNumbers, unit.chunkNumbers);
  t.same(read?.blob?.end, blob.end);
  t.equal(await decode(record, false), undefined, 'its blob is gone');
  const edits = fc.array(fc.tuple(fc.nat(record.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(edits, fc.nat(record.length), async (changes, length) => {
      const bytes = Buffer.from(record);
      for (const [at, byte] of changes) bytes[at] = byte;
      await decode(bytes.subarray(0, Math.max(length, 1))).catch((error: unknown) => {
        if (!(error instanceof ShoalError)) throw error;
      });
    }),
    { numRuns: 300 },
  );
});

t.test('a file of holes with too many chunks', async (t) => {
  const path = `${directory}/holes`;
  const size = String(2 ** 41);
  const tar = writeTar([
    { name: 'holes', content: '', pax: { 'GNU.sparse.map': `0,0`, 'GNU.sparse.size': size } },
  ]);
  buildLayout({ directory: path, layers: [{ tar }] });
  const run = convertImage({
    source: parseReference(`oci:${path}:latest`),
    target: oci('never'),
    chunkSizeBytes: 4096,
  });
  await t.rejects(run, { code: 'ERR_CONVERTER_IMAGE_LIMIT' });
});
