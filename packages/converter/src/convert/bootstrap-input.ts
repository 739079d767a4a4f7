/**
 * What the bootstrap is encoded from: only blobs some file needs, numbered anew, and the image's
 * chunks seen through those numbers.
 */
import { blobIdOfDigest } from '@shoal/oci';
import type { BlobTableEntry, BootstrapInput, ChunkSource } from '@shoal/rafs';
import { hasBlobFeature } from '@shoal/rafs';
import type { ChunkIndex } from '../chunk/chunk-index.ts';
import type { Inode } from '../layer/image-tree.ts';
import type { ConvertSettings } from './convert-settings.ts';
import type { ContentBlob, ImageContent } from './image-content.ts';
import { findPrefetched } from './prefetch.ts';

/** A blob of the bootstrap's blob table. */
export type UsedBlob = {
  readonly entry: BlobTableEntry;
  readonly blob: ContentBlob;
};

/** Numbers of the image's blob list that files need, in that list's order. */
function usedBlobNumbers({ root, index, blobs }: ImageContent): number[] {
  const isUsed = new Uint8Array(blobs.length);
  const use = (chunk: number) => {
    isUsed[index.blobOf(chunk)] = 1;
  };
  const todo: Inode[] = [root];
  for (let inode = todo.pop(); inode !== undefined; inode = todo.pop()) {
    if (typeof inode.chunks === 'number') use(inode.chunks);
    else if (inode.chunks !== undefined) inode.chunks.forEach(use);
    for (const child of inode.children?.values() ?? []) todo.push(child.inode);
  }
  return [...blobs.keys()].filter((number) => isUsed[number] === 1);
}

/** The blob table of the image. */
export function usedBlobs(content: ImageContent): Map<number, UsedBlob> {
  const used = new Map<number, UsedBlob>();
  for (const number of usedBlobNumbers(content)) {
    const blob = content.blobs[number];
    if (blob === undefined) continue;
    const blobIndex = used.size;
    const entry =
      blob.kind === 'dict'
        ? { ...blob.blob.entry, blobIndex, firstReads: undefined }
        : {
            ...blob.blob.end.entry,
            blobId: blobIdOfDigest(blob.blob.descriptor.digest),
            blobIndex,
          };
    used.set(number, { entry, blob });
  }
  return used;
}

export function bootstrapInput(
  content: ImageContent,
  used: ReadonlyMap<number, UsedBlob>,
  settings: ConvertSettings,
  onWarning: (message: string) => void,
): BootstrapInput {
  const blobs = [...used.values()].map(({ entry }) => entry);
  return {
    root: content.root,
    chunkSize: settings.format.chunkSizeBytes,
    compressor: settings.format.compressor,
    digester: settings.format.digester,
    blobs,
    chunks: renumbered(content.index, used),
    prefetch: findPrefetched(content.root, settings.prefetchPatterns, onWarning),
    hasInlinedDigests: blobs.every(({ features }) =>
      hasBlobFeature(features, 'inlinedChunkDigest'),
    ),
  };
}

/** The index with blob numbers of the blob table. */
function renumbered(index: ChunkIndex, used: ReadonlyMap<number, UsedBlob>): ChunkSource {
  const numbers = new Map([...used].map(([number, { entry }]) => [number, entry.blobIndex]));
  return {
    count: index.count,
    digest: (number) => index.digest(number),
    blobOf: (number) => numbers.get(index.blobOf(number)) ?? -1,
    indexOf: (number) => index.indexOf(number),
    sizeOf: (number) => index.sizeOf(number),
    offsetOf: (number) => index.offsetOf(number),
    place: (number) => index.place(number),
  };
}

/** The `.blob.meta` files of the bootstrap layer, by blob id. */
export function blobMetaFiles(used: ReadonlyMap<number, UsedBlob>): Map<string, Buffer> {
  const metas = new Map<string, Buffer>();
  for (const { entry, blob } of used.values()) {
    const meta = blob.kind === 'dict' ? blob.blob.metaFile : blob.blob.end.metaFile;
    if (meta !== undefined) metas.set(entry.blobId, meta);
  }
  return metas;
}
