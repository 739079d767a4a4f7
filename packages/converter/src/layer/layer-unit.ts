/**
 * A converted layer: what replaying it onto the tree needs, and what the build cache keeps of it.
 */
import type { LayerBlob } from '../blob/layer-blob.ts';

export type LayerUnit = {
  /** What `EntryWriter` wrote. */
  readonly entries: Buffer;
  readonly entryCount: number;
  readonly fileBytes: number;
  /** Image-wide number of each chunk of the layer, in order of first use. */
  readonly chunkNumbers: Uint32Array;
  /** Chunks and bytes the layer needed but did not store. */
  readonly dedupedChunks: number;
  readonly dedupedBytes: number;
  /** Of these, bytes found in a chunk dictionary. */
  readonly dictBytes: number;
  /** The data blob; a layer without new file data has none. */
  readonly blob: LayerBlob | undefined;
};
