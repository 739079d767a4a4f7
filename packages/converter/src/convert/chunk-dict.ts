/**
 * Chunk dictionaries: converted images whose chunks a new image refers to instead of storing them
 * again. Their blobs come first in the image's blob list; those that are used in the end become
 * layers of the image, so that it stays complete by itself.
 */
import type { Descriptor, ImageReference, Platform } from '@shoal/oci';
import { bootstrapLayerOf, digestOfBlobId, formatReference, parseBlobId } from '@shoal/oci';
import type { BlobTableEntry, Bootstrap } from '@shoal/rafs';
import { ChunkFlag, hasBlobFeature } from '@shoal/rafs';
import type { ClientOptions, ImageStore } from '@shoal/registry-client';
import type { ChunkIndex } from '../chunk/chunk-index.ts';
import { ChunkDictError } from '../errors.ts';
import type { ConvertSettings } from './convert-settings.ts';

/** Features of blobs whose chunks lie elsewhere or are not plain. */
const FOREIGN = ['zran', 'separate', 'tarfs', 'encrypted', 'external'] as const;

/** A blob of a dictionary with what the image's blob table says of it. */
export type DictBlob = {
  readonly descriptor: Descriptor;
  readonly entry: BlobTableEntry;
  /** Its `.blob.meta` file, when the dictionary's bootstrap layer brings it. */
  readonly metaFile: Buffer | undefined;
};

export type ChunkDict = {
  readonly reference: ImageReference;
  /** Digest of its bootstrap layer: part of what a cached layer depends on. */
  readonly identity: string;
  readonly manifest: Descriptor;
  readonly store: ImageStore;
  readonly blobs: readonly DictBlob[];
  readonly bootstrap: Bootstrap;
  close(): Promise<void>;
};

/** Opens a dictionary and checks that it fits the conversion. The caller closes it. */
export async function openChunkDict(
  reference: ImageReference,
  settings: ConvertSettings,
  options: { client: ClientOptions; platform: Platform | undefined; signal: AbortSignal },
): Promise<ChunkDict> {
  // Loads the readers of images, which a conversion without a dictionary does not need.
  const { openConvertedImage } = await import('../image/open-image.ts');
  const image = await openConvertedImage(reference, options);
  try {
    const name = formatReference(reference);
    const { bootstrap, layer, facts } = image;
    checkFormat(name, bootstrap, settings);
    const blobs = bootstrap.blobs.map((entry): DictBlob => {
      const digest = digestOfBlobId(parseBlobId(entry.blobId));
      const descriptor = facts.manifest.layers.find((candidate) => candidate.digest === digest);
      if (descriptor === undefined) {
        const remedy = 'convert that image again';
        throw new ChunkDictError(name, `its manifest has no layer ${digest}`, remedy);
      }
      return { descriptor, entry, metaFile: layer.metaFiles.get(entry.blobId) };
    });
    const identity = bootstrapLayerOf(facts.manifest)?.digest ?? '';
    const { descriptor: manifest, store } = facts;
    const close = () => image.close();
    return { reference, identity, manifest, store, blobs, bootstrap, close };
  } catch (error) {
    await image.close();
    throw error;
  }
}

function checkFormat(name: string, bootstrap: Bootstrap, { format }: ConvertSettings): void {
  if (bootstrap.chunkSize !== format.chunkSizeBytes) {
    const detail = `its chunks are ${bootstrap.chunkSize} bytes, not ${format.chunkSizeBytes}`;
    throw new ChunkDictError(name, detail, `convert with --chunk-size ${bootstrap.chunkSize}`);
  }
  if (bootstrap.digester !== format.digester) {
    const detail = `its digests are ${bootstrap.digester}, not ${format.digester}`;
    throw new ChunkDictError(name, detail, `convert with --digester ${bootstrap.digester}`);
  }
}

/** Registers the dictionary's plain chunks under blob numbers from `firstBlob` on. */
export function addDictChunks(dict: ChunkDict, index: ChunkIndex, firstBlob: number): void {
  const usable = dict.blobs.map(({ entry }) => isUsable(entry));
  for (const record of dict.bootstrap.chunkRecords()) {
    if (usable[record.blobIndex] !== true) continue;
    if ((record.flags & ~(ChunkFlag.compressed | ChunkFlag.hasCrc32c)) !== 0) continue;
    // Members of a batch: only the blob's chunk-info says where they are.
    if (record.compressedSize === 0) continue;
    if (index.find(record.digest, 0, record.uncompressedSize) !== undefined) continue;
    index.add(record.digest, 0, {
      blob: firstBlob + record.blobIndex,
      index: record.chunkIndex,
      storedOffset: record.compressedOffset,
      storedSize: record.compressedSize,
      offset: record.uncompressedOffset,
      size: record.uncompressedSize,
    });
  }
}

/** Blobs of ordinary chunks in an ordinary layer. */
function isUsable({ features }: BlobTableEntry): boolean {
  return !FOREIGN.some((feature) => hasBlobFeature(features, feature));
}
