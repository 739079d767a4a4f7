/**
 * What every store and target has to do, whatever is behind it. Each implementation runs the whole.
 */
import { buffer } from 'node:stream/consumers';
import {
  type Descriptor,
  encodeManifest,
  type ImageIndex,
  type ImageManifest,
  type ImageReference,
  MediaType,
  parseManifest,
  sha256Digest,
} from '@shoal/oci';
import {
  type ClientOptions,
  type ImageTarget,
  openSource,
  openTarget,
} from '@shoal/registry-client';
import { noiseBytes } from '@shoal/test-kit';
import type { Test } from 'tap';

export type SuiteCase = {
  /** A place that nothing has been written to yet. */
  readonly reference: ImageReference;
  readonly options: ClientOptions;
};

/** Longer than one chunk of an upload. */
const LARGE = noiseBytes(9_000_000, 1);

type TestObject = Pick<Test, 'test'>;

export async function writeBlob(
  target: ImageTarget,
  bytes: Buffer,
  mediaType: string,
): Promise<Descriptor> {
  const writer = await target.openBlobWriter();
  for (let start = 0; start < bytes.byteLength; start += 1_000_003) {
    await writer.write(bytes.subarray(start, start + 1_000_003));
  }
  const digest = sha256Digest(bytes);
  return writer.commit({ digest, size: bytes.byteLength, mediaType });
}

/** A manifest with a configuration and the given layers, pushed. */
export async function writeImage(
  target: ImageTarget,
  layers: readonly Buffer[],
  extra: Partial<ImageManifest> & { tag?: string | false } = {},
): Promise<{ descriptor: Descriptor; manifest: ImageManifest; bytes: Buffer }> {
  const { tag, ...fields } = extra;
  const stored: Descriptor[] = [];
  for (const layer of layers) stored.push(await writeBlob(target, layer, MediaType.ociLayerTar));
  const diffIds = layers.map((layer) => sha256Digest(layer));
  const config = Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: diffIds },
    }),
  );
  const manifest: ImageManifest = {
    kind: 'manifest',
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: await writeBlob(target, config, MediaType.ociConfig),
    layers: stored,
    ...fields,
  };
  const bytes = encodeManifest(manifest);
  const options = tag === undefined ? {} : { tag };
  const descriptor = await target.writeManifest(bytes, MediaType.ociManifest, options);
  return { descriptor, manifest, bytes };
}

export function imageTargetSuite(
  t: TestObject,
  name: string,
  make: (t: Test) => Promise<SuiteCase>,
): void {
  t.test(`${name}: writes an image and reads it back`, async (t) => {
    const { reference, options } = await make(t);
    const layers = [LARGE, Buffer.alloc(0), noiseBytes(5000, 2)];
    await using target = await openTarget(reference, options);
    const { descriptor, bytes, manifest } = await writeImage(target, layers);
    t.ok(await target.hasBlob(manifest.config));
    t.notOk(await target.hasBlob({ ...manifest.config, digest: sha256Digest(Buffer.from('x')) }));

    await using source = await openSource(reference, options);
    const resolved = await source.resolve();
    t.same(resolved, descriptor);
    t.ok((await source.readManifest(resolved)).equals(bytes));
    for (const [index, layer] of manifest.layers.entries()) {
      const content = layers[index] ?? Buffer.alloc(0);
      t.ok((await buffer(await source.readBlob(layer))).equals(content), `layer ${index}`);
    }
    const [first] = manifest.layers;
    const range =
      first === undefined ? undefined : await source.readBlobRange(first, 8_000_001, 700_000);
    const unknown = { ...manifest.config, size: 20 };
    t.equal((await source.readBlobRange(unknown, 0, 20)).byteLength, 20, 'a size nobody knows');
    const beyond = { ...manifest.config, size: 1 << 20 };
    await t.rejects(source.readBlobRange(beyond, 0, 1 << 20), { code: /ERR_REGISTRY_CLIENT_/ });
    t.ok(layers[0]?.subarray(8_000_001, 8_700_001).equals(range ?? Buffer.alloc(0)), 'a range');
  });

  t.test(`${name}: refuses what does not fit its digest`, async (t) => {
    const { reference, options } = await make(t);
    await using target = await openTarget(reference, options);
    const wrong = await target.openBlobWriter();
    await wrong.write(Buffer.from('something'));
    const digest = sha256Digest(Buffer.from('else'));
    await t.rejects(wrong.commit({ digest, size: 9, mediaType: MediaType.ociLayerTar }));
    await t.rejects(wrong.write(Buffer.from('more')), { code: 'ERR_REGISTRY_CLIENT_CLOSED' });
    const short = await target.openBlobWriter();
    await short.write(Buffer.from('some'));
    await t.rejects(
      short.commit({ digest: sha256Digest(Buffer.from('some')), size: 5, mediaType: 'a/b' }),
      { code: 'ERR_REGISTRY_CLIENT_SIZE' },
    );
    await short.abort();
    await short.abort();
  });

  t.test(`${name}: an index, its children and referrers`, async (t) => {
    const { reference, options } = await make(t);
    await using target = await openTarget(reference, options);
    const child = await writeImage(target, [noiseBytes(3000, 3)], { tag: false });
    const referrer = await writeImage(target, [noiseBytes(3000, 4)], {
      tag: false,
      subject: child.descriptor,
      artifactType: 'application/x-test',
    });
    const index: ImageIndex = {
      kind: 'index',
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [{ ...child.descriptor, platform: { os: 'linux', architecture: 'amd64' } }],
    };
    const written = await target.writeManifest(encodeManifest(index), MediaType.ociIndex);

    await using source = await openSource(reference, options);
    const resolved = await source.resolve();
    t.equal(resolved.digest, written.digest);
    const read = parseManifest(await source.readManifest(resolved));
    t.equal(read.kind === 'index' && read.manifests[0]?.digest, child.descriptor.digest);
    t.ok((await source.readManifest(child.descriptor)).equals(child.bytes));
    const listed = await source.listReferrers(child.descriptor.digest);
    t.same(
      listed.map(({ digest }) => digest),
      [referrer.descriptor.digest],
    );
    const filter = { artifactType: 'application/x-other' };
    t.same(await source.listReferrers(child.descriptor.digest, filter), []);
    t.same(await source.listReferrers(written.digest), []);
  });

  t.test(`${name}: what is not there is an error that says so`, async (t) => {
    const { reference, options } = await make(t);
    await using target = await openTarget(reference, options);
    const { manifest } = await writeImage(target, [noiseBytes(100, 5)]);
    await using source = await openSource(reference, options);
    const absent = { ...manifest.config, digest: sha256Digest(Buffer.from('absent')) };
    const notFound = { code: 'ERR_REGISTRY_CLIENT_NOT_FOUND' };
    await t.rejects(source.readBlob(absent).then(buffer), notFound);
    await t.rejects(source.readManifest(absent), notFound);
    await t.rejects(source.readBlobRange(manifest.config, 0, manifest.config.size + 1), {
      code: 'ERR_REGISTRY_CLIENT_RANGE',
    });
    const tooShort = { ...manifest.config, size: manifest.config.size - 1 };
    const wrongSize = { code: 'ERR_REGISTRY_CLIENT_SIZE' };
    await t.rejects(source.readBlob(tooShort).then(buffer), wrongSize);
    if (reference.kind !== 'directory') {
      await using other = await openSource({ ...reference, tag: 'absent' }, options);
      await t.rejects(other.resolve(), notFound);
    }
  });

  t.test(`${name}: an abort ends a call with its reason`, async (t) => {
    const { reference, options } = await make(t);
    await using target = await openTarget(reference, options);
    const { manifest } = await writeImage(target, [noiseBytes(100, 6)]);
    const signal = AbortSignal.abort(new Error('enough'));
    await t.rejects(target.resolve({ signal }), { message: 'enough' });
    await t.rejects(target.readBlob(manifest.config, { signal }).then(buffer), {
      message: 'enough',
    });
    await target.close();
    await target.close();
    await t.rejects(target.resolve(), { code: 'ERR_REGISTRY_CLIENT_CLOSED' });
  });
}
