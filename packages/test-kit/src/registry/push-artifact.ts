/** Pushes an artifact as ORAS does: one layer a file, named by its title. */
import { createHash } from 'node:crypto';
import { type Descriptor, parseDigest, parseReference } from '@shoal/oci';
import { type ClientOptions, type ImageTarget, openTarget } from '@shoal/registry-client';

export type ArtifactFile = {
  /** Undefined: the layer has none. */
  readonly title: string | undefined;
  readonly content: Buffer;
};

const EMPTY = 'application/vnd.oci.empty.v1+json';

/** Into a registry without TLS, or a layout. Gives the layers' descriptors. */
export async function pushArtifact(
  reference: string,
  files: readonly ArtifactFile[],
  client: ClientOptions = { plainHttp: true },
): Promise<readonly Descriptor[]> {
  await using target = await openTarget(parseReference(reference), client);
  const config = await pushBlob(target, Buffer.from('{}'), EMPTY);
  const layers: Descriptor[] = [];
  for (const { title, content } of files) {
    const blob = await pushBlob(target, content, 'application/octet-stream');
    const annotations = title === undefined ? {} : { 'org.opencontainers.image.title': title };
    layers.push({ ...blob, annotations });
  }
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const artifactType = 'application/vnd.shoal.test';
  const manifest = { schemaVersion: 2, mediaType, artifactType, config, layers };
  await target.writeManifest(Buffer.from(JSON.stringify(manifest)), mediaType);
  return layers;
}

async function pushBlob(
  target: ImageTarget,
  content: Buffer,
  mediaType: string,
): Promise<Descriptor> {
  const digest = parseDigest(`sha256:${createHash('sha256').update(content).digest('hex')}`);
  const descriptor = { mediaType, digest, size: content.length };
  if (await target.hasBlob(descriptor)) return descriptor;
  const writer = await target.openBlobWriter();
  await writer.write(content);
  await writer.commit(descriptor);
  return descriptor;
}
