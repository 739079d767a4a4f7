/**
 * The root file system of an ordinary image: its layers replayed onto each other, every file's
 * content cut into chunks and hashed on all cores, nothing stored. Memory: the tree, 70 bytes a
 * chunk, and the bytes in flight.
 */
import type { Descriptor } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import { BatchPipeline } from '../chunk/batch-pipeline.ts';
import { ChunkCutter } from '../chunk/chunk-cutter.ts';
import { ChunkIndex, DIGEST_SIZE } from '../chunk/chunk-index.ts';
import type { CodecThreads } from '../chunk/codec-threads.ts';
import { EntryWriter } from '../layer/entry-codec.ts';
import { implicitDirectory } from '../layer/image-tree.ts';
import { readLayer, readStoredLayer } from '../layer/layer-stream.ts';
import { replayLayer } from '../layer/replay-layer.ts';
import { TarLayerHandler } from '../layer/tar-layer.ts';
import { TreeBudget } from '../layer/tree-budget.ts';
import { TarDecoder } from '../tar/tar-decoder.ts';
import { MergedTreeView } from './merged-tree-view.ts';

/** How content is cut and hashed, so that two sides can be compared chunk by chunk. */
export type Chunking = { readonly chunkSize: number; readonly digester: 'sha256' | 'blake3' };

export type OrdinaryTreeOptions = {
  readonly layers: readonly Descriptor[];
  readonly store: ImageStore;
  readonly chunking: Chunking;
  /** Ended when the last layer has been read: the tree needs their memory. */
  readonly threads: CodecThreads;
  readonly signal: AbortSignal;
  /** Told about every attribute that no image can hold. */
  readonly onWarning: (message: string) => void;
  /** Told how many stored bytes of the layers have been read. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
};

/** Reads all layers. Throws what the store and the archives are wrong with. */
export async function loadOrdinaryTree(options: OrdinaryTreeOptions): Promise<MergedTreeView> {
  const chunks = new ChunkIndex();
  const root = implicitDirectory();
  const budget = new TreeBudget(root);
  for (const [index, layer] of options.layers.entries()) {
    const numbers: number[] = [];
    const entries = await readLayerEntries(layer, options, chunks, numbers);
    if (index === options.layers.length - 1) await options.threads.close();
    const context = {
      layer: layer.digest,
      number: index + 1,
      chunkOf: (local: number) => numbers[local] ?? 0,
      onWarning: options.onWarning,
      budget,
    };
    await replayLayer(root, entries, context, options.signal);
  }
  return new MergedTreeView(root, chunks);
}

/** Reads one layer; `numbers` gets the image-wide number of each of its chunks. */
async function readLayerEntries(
  layer: Descriptor,
  options: OrdinaryTreeOptions,
  chunks: ChunkIndex,
  numbers: number[],
): Promise<Buffer> {
  const { chunking, threads, signal } = options;
  const codec = { compressor: 'none', digester: chunking.digester } as const;
  const pipeline = new BatchPipeline(
    threads.open(),
    codec,
    async ({ digests, lengths, stored }) => {
      for (const [index, size] of lengths.entries()) {
        const at = index * DIGEST_SIZE;
        const place = { blob: 0, index: 0, storedOffset: 0, storedSize: 0, offset: 0, size };
        numbers.push(chunks.find(digests, at, size) ?? chunks.add(digests, at, place));
      }
      return stored;
    },
    signal,
  );
  const cutter = new ChunkCutter(pipeline, chunking.chunkSize, layer.digest);
  const entries = new EntryWriter(layer.digest);
  const decoder = new TarDecoder(new TarLayerHandler(entries, cutter), `layer ${layer.digest}`);
  const stored = await readStoredLayer(options.store, layer, signal);
  for await (const bytes of readLayer(stored, layer.digest, (n) => options.onBytes?.(n))) {
    await writeAll(decoder, bytes, pipeline);
  }
  decoder.end();
  cutter.flush();
  await pipeline.drain();
  return entries.finish();
}

async function writeAll(decoder: TarDecoder, bytes: Buffer, pipeline: BatchPipeline) {
  let at = 0;
  while (at < bytes.length) {
    at += decoder.write(bytes.subarray(at), () => pipeline.isFull);
    await pipeline.whenReady();
  }
}
