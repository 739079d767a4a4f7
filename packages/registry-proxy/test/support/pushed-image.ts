/** Images in a registry, for tests that read them back through the proxy. */
import {
  type Descriptor,
  encodeManifest,
  type ImageManifest,
  MediaType,
  parseReference,
  sha256Digest,
} from '@shoal/oci';
import { type ClientOptions, type ImageTarget, openTarget } from '@shoal/registry-client';

export type PushedImage = {
  readonly manifest: Descriptor;
  readonly manifestBytes: Buffer;
  readonly layer: Descriptor;
  readonly layerBytes: Buffer;
};

export async function pushBlob(
  target: ImageTarget,
  bytes: Buffer,
  mediaType: string = MediaType.ociLayerTar,
): Promise<Descriptor> {
  const writer = await target.openBlobWriter();
  await writer.write(bytes);
  return writer.commit({ digest: sha256Digest(bytes), size: bytes.byteLength, mediaType });
}

/** One layer of noise below a manifest; `reference` is `host/name:tag`. */
export async function pushImage(
  reference: string,
  layerBytes: Buffer,
  options: ClientOptions = {},
  extra: Partial<ImageManifest> = {},
): Promise<PushedImage> {
  await using target = await openTarget(parseReference(reference), options);
  const layer = await pushBlob(target, layerBytes);
  const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64' }));
  const manifestBytes = encodeManifest({
    kind: 'manifest',
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: await pushBlob(target, config, MediaType.ociConfig),
    layers: [layer],
    ...extra,
  });
  const manifest = await target.writeManifest(manifestBytes, MediaType.ociManifest);
  return { manifest, manifestBytes, layer, layerBytes };
}

export type PushedIndex = {
  readonly index: Descriptor;
  /** Of the first platform. */
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layer: Descriptor;
};

/** An index of two platforms; `layerBytes` are the layer of the first one. */
export async function pushIndex(
  reference: string,
  layerBytes: Buffer,
  options: ClientOptions = {},
): Promise<PushedIndex> {
  await using target = await openTarget(parseReference(reference), options);
  const platforms = [
    { architecture: 'amd64', bytes: layerBytes },
    { architecture: 'arm64', bytes: layerBytes.subarray(0, 1000) },
  ] as const;
  const pushed = [];
  for (const { architecture, bytes } of platforms) {
    const platform = { os: 'linux', architecture };
    const layer = await pushBlob(target, bytes);
    const config = await pushBlob(
      target,
      Buffer.from(JSON.stringify(platform)),
      MediaType.ociConfig,
    );
    const bytesOfManifest = encodeManifest({
      ...({ kind: 'manifest', schemaVersion: 2, mediaType: MediaType.ociManifest } as const),
      ...{ config, layers: [layer] },
    });
    const untagged = { tag: false } as const;
    const written = await target.writeManifest(bytesOfManifest, MediaType.ociManifest, untagged);
    pushed.push({ manifest: { ...written, platform }, config, layer });
  }
  const [first] = pushed;
  if (first === undefined) throw new Error('there is no platform');
  const indexBytes = encodeManifest({
    ...({ kind: 'index', schemaVersion: 2, mediaType: MediaType.ociIndex } as const),
    manifests: pushed.map(({ manifest }) => manifest),
  });
  return { index: await target.writeManifest(indexBytes, MediaType.ociIndex), ...first };
}
