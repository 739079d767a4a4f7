/** Writes small images whose choice is tested; names stand for digests. */
import {
  type Descriptor,
  encodeManifest,
  hostPlatform,
  type ImageIndex,
  type ImageManifest,
  MediaType,
  NydusAnnotation,
  type Platform,
} from '@shoal/oci';
import type { ImageTarget } from '@shoal/registry-client';
import { writeBlob } from './image-target-suite.ts';

export const HOST = hostPlatform();
export const NOT_CONVERTED = 'ERR_REGISTRY_CLIENT_NOT_CONVERTED';

export class ImageAuthor {
  readonly target: ImageTarget;
  readonly names = new Map<string, string>();
  readonly #written = new Map<string, { bytes: Buffer; mediaType: string }>();

  constructor(target: ImageTarget) {
    this.target = target;
  }

  ordinary(name: string, platform: Platform = HOST, extra: Partial<ImageManifest> = {}) {
    return this.#image(name, platform, {}, extra);
  }

  converted(name: string, platform: Platform = HOST, extra: Partial<ImageManifest> = {}) {
    const marks = { [NydusAnnotation.bootstrap]: 'true', [NydusAnnotation.fsVersion]: '6' };
    return this.#image(name, platform, marks, extra);
  }

  old(name: string) {
    const marks = { [NydusAnnotation.bootstrap]: 'true', [NydusAnnotation.fsVersion]: '5' };
    return this.#image(name, HOST, marks, {});
  }

  /** A converted image with an ordinary layer above. */
  async committed(name: string) {
    const bootstrap = { [NydusAnnotation.bootstrap]: 'true', [NydusAnnotation.fsVersion]: '6' };
    const below = await writeBlob(this.target, Buffer.from('below'), MediaType.ociLayerTarGzip);
    const above = await writeBlob(this.target, Buffer.from('above'), MediaType.ociLayerTarGzip);
    return this.#image(name, HOST, {}, { layers: [{ ...below, annotations: bootstrap }, above] });
  }

  async #image(
    name: string,
    { os, architecture }: Platform,
    annotations: Record<string, string>,
    extra: Partial<ImageManifest>,
  ): Promise<Descriptor> {
    const layer = await writeBlob(this.target, Buffer.from(name), MediaType.ociLayerTarGzip);
    const config = Buffer.from(JSON.stringify({ os, architecture }));
    return this.write(name, {
      kind: 'manifest',
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: await writeBlob(this.target, config, MediaType.ociConfig),
      layers: [{ ...layer, annotations }],
      ...extra,
    });
  }

  index(...manifests: Descriptor[]) {
    const { ociIndex: mediaType } = MediaType;
    return this.write('index', { kind: 'index', schemaVersion: 2, mediaType, manifests });
  }

  async write(name: string, document: ImageManifest | ImageIndex): Promise<Descriptor> {
    const bytes = encodeManifest(document);
    const options = { tag: false } as const;
    const descriptor = await this.target.writeManifest(bytes, document.mediaType, options);
    this.names.set(descriptor.digest, name);
    this.#written.set(descriptor.digest, { bytes, mediaType: document.mediaType });
    return descriptor;
  }

  /** Lets the reference point at it. */
  async tag({ digest }: Descriptor): Promise<void> {
    const { bytes, mediaType } = this.#written.get(digest) ?? {};
    if (bytes === undefined || mediaType === undefined) throw new Error('never written');
    await this.target.writeManifest(bytes, mediaType);
  }
}

/** The name of what was found, or the code of the error. */
export async function nameOf(
  author: ImageAuthor,
  found: Promise<{ descriptor: Descriptor }>,
): Promise<string> {
  const { descriptor } = await found.catch((error: unknown) => ({
    descriptor: {
      digest: error instanceof Error && 'code' in error ? `${error.code}` : `${error}`,
    },
  }));
  return author.names.get(descriptor.digest) ?? descriptor.digest;
}
