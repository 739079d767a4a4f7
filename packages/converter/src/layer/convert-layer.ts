/**
 * One layer from its source to a stored data blob: entries to a compact record, content through
 * the chunk cutter, the codec pool and deduplication into the blob.
 */
import type { CodecPool } from '@shoal/blob-store';
import type { ImageTarget } from '@shoal/registry-client';
import { BlobBuilder } from '../blob/blob-builder.ts';
import { BlobLayout } from '../blob/blob-layout.ts';
import type { ImageFormat } from '../blob/image-format.ts';
import { BatchPipeline } from '../chunk/batch-pipeline.ts';
import { ChunkCutter } from '../chunk/chunk-cutter.ts';
import type { ChunkIndex } from '../chunk/chunk-index.ts';
import type { PieceHasher } from '../torrent/piece-hasher.ts';
import { EntryWriter } from './entry-codec.ts';
import type { FirstReads } from './first-reads.ts';
import type { LayerSource } from './layer-source.ts';
import type { LayerUnit } from './layer-unit.ts';

export type LayerComponents = {
  readonly pool: CodecPool;
  readonly target: ImageTarget;
  readonly format: ImageFormat;
  /** Chunks of the lower layers and dictionaries; this layer's are added. */
  readonly index: ChunkIndex;
  /** Number a blob gets in the image's blob list if the layer needs one. */
  readonly blobNumber: number;
  /** Chunks below this number are in dictionaries. */
  readonly dictChunks: number;
  /** What goes together at the end of the blob. */
  readonly firstReads: FirstReads;
  /** For the torrent of the layer's blob. */
  readonly pieceHasher?: PieceHasher | undefined;
  readonly onBytes: (bytes: number) => void;
};

/** Reads, cuts, compresses and stores one layer. On failure nothing of it is left at the target. */
export async function convertLayer(
  source: LayerSource,
  components: LayerComponents,
  signal: AbortSignal,
): Promise<LayerUnit> {
  const { pool, format, firstReads } = components;
  const layout = new BlobLayout(components.index, format, components.blobNumber);
  // What is still in the pool when something fails is not waited for.
  const abort = new AbortController();
  const either = AbortSignal.any([signal, abort.signal]);
  const pipeline = new BatchPipeline(pool, format, (result) => blob.add(result), either);
  const cutter = new ChunkCutter(pipeline, format.chunkSizeBytes, source.name);
  const takeRank = (chunk: number) => cutter.takeRank(chunk);
  const blob = new BlobBuilder({ ...components, takeRank }, layout, signal);
  const entries = new EntryWriter(source.name);
  try {
    const sink = {
      entries,
      cutter,
      firstReads,
      isFull: () => pipeline.isFull,
      whenReady: () => pipeline.whenReady(),
      onBytes: components.onBytes,
    };
    const counts = await source.read(sink, either);
    cutter.flush();
    await pipeline.drain();
    const stored = await blob.finish();
    return {
      entries: entries.finish(),
      entryCount: counts.entries,
      fileBytes: counts.fileBytes,
      chunkNumbers: blob.chunkNumbers(),
      ...blob.deduped,
      blob: stored,
    };
  } catch (error) {
    abort.abort(error);
    await pipeline.drain().catch(() => {});
    await blob.abort();
    throw error;
  }
}
