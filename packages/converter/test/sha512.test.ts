/** Images whose contents go by sha512: converted, and copied beside the result as they are. */
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import {
  type Descriptor,
  encodeManifest,
  hostPlatform,
  MediaType,
  parseDigest,
  parseManifest,
  parseReference,
  sha256Digest,
} from '@shoal/oci';
import { type ImageTarget, openSource, openTarget } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  noise,
  requireTool,
  startDockerRegistry,
  temporaryDirectory,
  writeTar,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { checkImages, convertImage, openImage } from '../src/index.ts';

t.setTimeout(300_000);

const tar = writeTar([{ name: 'file', content: noise(300_000, 'sha512') }]);

function sha512(bytes: Buffer) {
  return parseDigest(`sha512:${createHash('sha512').update(bytes).digest('hex')}`);
}

async function put(target: ImageTarget, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const writer = await target.openBlobWriter();
  await writer.write(bytes);
  return writer.commit({ digest: sha512(bytes), size: bytes.length, mediaType });
}

/** An image in a layout; not one digest of it is sha256, except the diff id. */
async function writeOriginal(text: string): Promise<void> {
  const target = await openTarget(parseReference(text));
  const { os, architecture } = hostPlatform();
  const rootfs = { type: 'layers', diff_ids: [sha256Digest(tar)] };
  const config = Buffer.from(JSON.stringify({ os, architecture, rootfs }));
  const bytes = encodeManifest({
    kind: 'manifest',
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: await put(target, config, MediaType.ociConfig),
    layers: [await put(target, gzipSync(tar), MediaType.ociLayerTarGzip)],
  });
  const { digest } = await target.writeManifest(bytes, MediaType.ociManifest, {
    digest: sha512(bytes),
  });
  if (!digest.startsWith('sha512:')) throw new Error('not written by its sha512');
  await target.close();
}

/** A registry may know the manifest by its sha256, never what is in it. */
async function checkCopy(
  t: Test,
  original: string,
  copy: string,
  manifestDigest = /^sha512:/,
): Promise<void> {
  const [source, target] = [parseReference(original), parseReference(copy)];
  await convertImage({ source, target, mergePlatform: true });
  t.ok((await checkImages({ source, target })).isEqual, `${copy}: the converted image`);
  await using image = await openImage(target, { prefer: 'ordinary' });
  const { descriptor, manifest, store } = image.facts;
  t.match(descriptor.digest, manifestDigest, copy);
  for (const { digest } of [manifest.config, ...manifest.layers]) t.match(digest, /^sha512:/, copy);
  for (const layer of manifest.layers) {
    t.ok((await buffer(await store.readBlob(layer))).equals(gzipSync(tar)), `${copy}: the layer`);
  }
  const read = parseManifest(await store.readManifest(descriptor));
  t.equal(read.kind, 'manifest');
}

t.test('to a layout, to archives, to a registry', async (t) => {
  const directory = temporaryDirectory(t);
  const original = `oci:${directory}/original:v1`;
  await writeOriginal(original);
  await using inMemory = await EmbeddedRegistry.listen();
  await using onDisk = await EmbeddedRegistry.listen({ directory: `${directory}/registry` });
  for (const copy of [
    `oci:${directory}/layout:v1`,
    `oci-archive:${directory}/image.tar:v1`,
    `docker-archive:${directory}/docker.tar:app`,
    `${inMemory.host}/a/b:v1`,
    `${onDisk.host}/a/b:v1`,
  ]) {
    await checkCopy(t, original, copy);
  }
  await checkCopy(t, `${onDisk.host}/a/b:v1`, `oci-archive:${directory}/again.tar:v1`);
});

t.test('wrong bytes under a sha512 digest are refused', async (t) => {
  const directory = temporaryDirectory(t);
  await using registry = await EmbeddedRegistry.listen({ directory: `${directory}/registry` });
  const digest = sha512(Buffer.from('other'));
  for (const text of [`oci:${directory}/a`, `oci-archive:${directory}/b`, `${registry.host}/c`]) {
    await using target = await openTarget(parseReference(text));
    const writer = await target.openBlobWriter();
    await writer.write(Buffer.from('bytes'));
    // A registry says so itself.
    const code = /^ERR_REGISTRY_CLIENT_(?:DIGEST|STATUS)$/;
    const commit = writer.commit({ digest, size: 5, mediaType: MediaType.ociLayerTar });
    await t.rejects(commit, { code }, text);
    const manifest = Buffer.from('{"schemaVersion":2,"manifests":[]}');
    const write = target.writeManifest(manifest, MediaType.ociIndex, { digest });
    await t.rejects(write, { code }, text);
  }
});

t.test("to Debian's docker-registry", async (t) => {
  if (!requireTool(t, 'docker-registry')) return;
  const directory = temporaryDirectory(t);
  const original = `oci:${directory}/original:v1`;
  await writeOriginal(original);
  const registry = await startDockerRegistry(t);
  await checkCopy(t, original, `${registry.host}/a/b:v1`, /^sha256:/);
  await using source = await openSource(parseReference(`${registry.host}/a/b:v1`));
  t.equal((await source.resolve()).mediaType, MediaType.ociIndex);
});
