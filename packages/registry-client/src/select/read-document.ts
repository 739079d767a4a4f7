/** The JSON documents of an image: fetched, verified, bounded and decoded. */
import {
  type Descriptor,
  IMAGE_CONFIG_BYTES_MAX,
  type ImageConfig,
  type ImageIndex,
  type ImageManifest,
  parseImageConfig,
  parseManifest,
} from '@shoal/oci';
import type { ImageStore } from '../image-store.ts';
import { collectBounded } from '../verify.ts';

/** A manifest or an index. Throws `ERR_OCI_DOCUMENT` and what the store reports. */
export async function readDocument(
  store: ImageStore,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<ImageManifest | ImageIndex> {
  const bytes = await store.readManifest(descriptor, { signal });
  return parseManifest(bytes, `${store.description}, manifest ${descriptor.digest}`);
}

/** `descriptor` is the manifest's `config`. */
export async function readConfig(
  store: ImageStore,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<ImageConfig> {
  const what = `${store.description}, configuration ${descriptor.digest}`;
  const stream = await store.readBlob(descriptor, { signal });
  const size = Math.min(descriptor.size, IMAGE_CONFIG_BYTES_MAX);
  return parseImageConfig(await collectBounded(stream, size, what), what);
}
