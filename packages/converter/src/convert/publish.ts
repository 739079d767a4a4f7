/**
 * Makes a finished conversion visible: manifests by digest, originals beside them when both go into
 * one index, and last the tag.
 */
import type { Descriptor, ImageReference } from '@shoal/oci';
import { MediaType, sha256Digest } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import type { ConvertedManifest } from './convert-manifest.ts';
import { copyBlob, mountableRepository } from './copy-blob.ts';
import type { IndexEntry } from './image-documents.ts';
import { convertedIndex } from './image-documents.ts';
import type { ConvertSession } from './session.ts';
import type { SourceManifest } from './source-image.ts';

export type Original = {
  readonly store: ImageStore;
  readonly reference: ImageReference;
  readonly manifests: readonly SourceManifest[];
};

/** Writes manifests and index; the tag moves with the last write. */
export async function publish(
  session: ConvertSession,
  converted: readonly ConvertedManifest[],
  original: Original | undefined,
): Promise<Descriptor> {
  const { settings, target, signal } = session;
  session.onProgress({ kind: 'step', text: 'publishing' });
  await publishTorrents(session, converted);
  const [only] = converted;
  if (!settings.mergePlatform && converted.length === 1 && only !== undefined) {
    return await target.writeManifest(only.bytes, MediaType.ociManifest, { signal });
  }
  const entries: IndexEntry[] = [];
  if (settings.mergePlatform && original !== undefined) {
    for (const source of original.manifests) {
      entries.push(await copyOriginal(session, original, source));
    }
  }
  for (const { bytes, platform } of converted) {
    const options = { tag: false, signal } as const;
    const descriptor = await target.writeManifest(bytes, MediaType.ociManifest, options);
    entries.push({ descriptor, platform, isConverted: true });
  }
  const index = convertedIndex(entries, settings.mergePlatform);
  return await target.writeManifest(index, MediaType.ociIndex, { signal });
}

/** Before the manifests they refer to, which registries accept: whoever sees the tag finds them. */
async function publishTorrents(
  { torrents }: ConvertSession,
  converted: readonly ConvertedManifest[],
): Promise<void> {
  for (const { bytes, blobs } of torrents === undefined ? [] : converted) {
    const digest = sha256Digest(bytes);
    const subject = { mediaType: MediaType.ociManifest, digest, size: bytes.length };
    await torrents?.publish(subject, blobs);
  }
  torrents?.tellLeftOut();
}

/** The original manifest with everything it needs. */
async function copyOriginal(
  session: ConvertSession,
  { store, reference }: Original,
  { descriptor, manifest, platform }: SourceManifest,
): Promise<IndexEntry> {
  const { settings, target, signal } = session;
  const fromRepository = mountableRepository(reference, settings.target);
  for (const blob of [manifest.config, ...manifest.layers]) {
    await copyBlob(store, target, blob, { fromRepository, signal });
  }
  const bytes = await store.readManifest(descriptor, { signal });
  const { mediaType, digest, annotations } = descriptor;
  const copy = await target.writeManifest(bytes, mediaType, { tag: false, digest, signal });
  return { descriptor: { ...copy, annotations }, platform, isConverted: false };
}
