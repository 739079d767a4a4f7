/**
 * containerd's content store, asked where an image came from when its client sent no labels: the
 * manifest that names a blob carries the registries it was fetched from.
 */
import { isDigest, parseReference } from '@shoal/oci';
import type { ImageAddress } from './image-labels.ts';
import { CONTENT_LABELS_MAX } from './limits.ts';

export interface ContentStore {
  /**
   * The image whose manifest names one of these blobs as a layer, in a namespace of containerd.
   * Rejects when containerd does not answer.
   */
  findImage(
    namespace: string,
    blobIds: readonly string[],
    signal: AbortSignal,
  ): Promise<ImageAddress | undefined>;

  /** The first layer of any manifest for which `isIt` holds. Rejects as above. */
  findLayer(
    namespace: string,
    isIt: (digest: string) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined>;
}

export type ContentInfo = {
  readonly digest: string;
  readonly labels: Readonly<Record<string, string>>;
};

/** Entries of the store that refer to layers, as a list of filters asks for them. */
export const MANIFEST_FILTER = 'labels."containerd.io/gc.ref.content.config"';
const LAYER_LABEL = /^containerd\.io\/gc\.ref\.content\.(?:l\.)?\d+$/;
const SOURCE_LABEL = 'containerd.io/distribution.source.';

/** The first manifest that names one of the blobs and that has a source. */
export async function addressIn(
  infos: AsyncIterable<ContentInfo>,
  blobIds: readonly string[],
): Promise<ImageAddress | undefined> {
  const wanted = new Set(blobIds.map((blobId) => `sha256:${blobId}`));
  for await (const { digest, labels } of infos) {
    const entries = Object.entries(labels).slice(0, CONTENT_LABELS_MAX);
    const isIt = entries.some(([key, value]) => LAYER_LABEL.test(key) && wanted.has(value));
    const reference = isIt ? sourceOf(entries) : undefined;
    if (reference !== undefined && isDigest(digest)) return { reference, manifestDigest: digest };
  }
  return undefined;
}

export async function layerIn(
  infos: AsyncIterable<ContentInfo>,
  isIt: (digest: string) => boolean,
): Promise<string | undefined> {
  for await (const { labels } of infos) {
    const entries = Object.entries(labels).slice(0, CONTENT_LABELS_MAX);
    const found = entries.find(([key, value]) => LAYER_LABEL.test(key) && isIt(value));
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/** `containerd.io/distribution.source.HOST = NAME[,NAME...]`. */
function sourceOf(entries: readonly [string, string][]): ImageAddress['reference'] | undefined {
  for (const [key, value] of entries) {
    if (!key.startsWith(SOURCE_LABEL)) continue;
    const name = `${key.slice(SOURCE_LABEL.length)}/${value.split(',')[0] ?? ''}`;
    try {
      const reference = parseReference(name);
      if (reference.kind === 'registry') return reference;
    } catch {
      // Another source may be readable.
    }
  }
  return undefined;
}
