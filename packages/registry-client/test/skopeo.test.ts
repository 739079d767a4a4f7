/** What skopeo writes we read, what we write skopeo reads. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import {
  type Descriptor,
  type ImageManifest,
  MediaType,
  OciAnnotation,
  parseManifest,
  parseReference,
} from '@shoal/oci';
import { openSource, openTarget } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { noiseBytes, requireTool, runChecked, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { writeImage } from './support/image-target-suite.ts';

async function readImage(text: string): Promise<{ manifest: ImageManifest; layers: Buffer[] }> {
  await using source = await openSource(parseReference(text), {});
  const manifest = parseManifest(await source.readManifest(await source.resolve()));
  if (manifest.kind !== 'manifest') throw new Error('an index');
  const layers: Buffer[] = [];
  for (const layer of manifest.layers)
    layers.push(await plain(await buffer(await source.readBlob(layer)), layer));
  await buffer(await source.readBlob(manifest.config));
  return { manifest, layers };
}

async function plain(bytes: Buffer, { mediaType }: Descriptor): Promise<Buffer> {
  return /gzip$/.test(mediaType) ? gunzipSync(bytes) : bytes;
}

if (requireTool(t, 'skopeo')) {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const directory = temporaryDirectory(t);
  const layers = [
    writeTar([{ name: 'a', content: noiseBytes(3_000_000, 81) }]),
    writeTar([{ name: 'b', content: noiseBytes(10, 82) }]),
  ];
  const places = [
    `oci:${directory}/layout:v1`,
    `oci-archive:${directory}/oci.tar:v1`,
    `docker-archive:${directory}/docker.tar:name:v1`,
    `docker://${registry.host}/a/b:v1`,
  ];
  const skopeo = (...options: string[]) =>
    runChecked('skopeo', ['--insecure-policy', 'copy', '-q', ...options]);

  for (const [index, ours] of places.entries()) {
    t.test(`we write ${ours.split(':')[0]}, skopeo reads it`, async (t) => {
      await using target = await openTarget(parseReference(ours), {});
      await writeImage(target, layers);
      await target.close();
      const theirs = `oci:${join(directory, `theirs-${index}`)}:v1`;
      await skopeo('--src-tls-verify=false', ours, theirs);
      t.ok((await readImage(theirs)).layers.every((layer, n) => layers[n]?.equals(layer)));
    });
  }

  const theirPlaces = [
    `oci:${directory}/from-skopeo:v1`,
    `oci-archive:${directory}/from-skopeo-oci.tar:v1`,
    `docker-archive:${directory}/from-skopeo.tar:name:v1`,
    `docker://${registry.host}/from/skopeo:v1`,
  ];
  for (const theirs of theirPlaces) {
    t.test(`skopeo writes ${theirs.split(':')[0]}, we read it`, async (t) => {
      await skopeo('--dest-tls-verify=false', `oci:${directory}/layout:v1`, theirs);
      const read = await readImage(theirs);
      t.ok(read.layers.every((layer, n) => layers[n]?.equals(layer)));
      t.equal(read.layers.length, 2);
      if (!theirs.startsWith('docker-archive')) return;
      t.ok(read.manifest.layers.every(({ mediaType }) => mediaType === MediaType.ociLayerTar));
      const [withoutTag] = theirs.split(':name:');
      t.equal((await readImage(`${withoutTag}`)).layers.length, 2, 'the only image needs no tag');
      await t.rejects(readImage(`${withoutTag}:other`), {
        code: 'ERR_REGISTRY_CLIENT_NOT_FOUND',
        remedy: /name:v1/,
      });
    });
  }

  t.test('a tag of a layout is the one skopeo sets', async (t) => {
    const bytes = readFileSync(join(directory, 'layout', 'index.json'));
    const index = parseManifest(bytes);
    t.equal(
      index.kind === 'index' && index.manifests[0]?.annotations?.[OciAnnotation.refName],
      'v1',
    );
  });
}
