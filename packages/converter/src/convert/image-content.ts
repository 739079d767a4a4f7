/**
 * The content of one image: its layers converted, lowest first, and replayed onto one tree.
 * A layer that the build cache knows is neither read nor uploaded again.
 */
import type { Descriptor } from '@shoal/oci';
import { BlobLayout } from '../blob/blob-layout.ts';
import type { LayerBlob } from '../blob/layer-blob.ts';
import { ChunkIndex } from '../chunk/chunk-index.ts';
import { convertLayer } from '../layer/convert-layer.ts';
import type { Directory } from '../layer/image-tree.ts';
import { implicitDirectory } from '../layer/image-tree.ts';
import type { LayerSource } from '../layer/layer-source.ts';
import type { LayerUnit } from '../layer/layer-unit.ts';
import { replayLayer } from '../layer/replay-layer.ts';
import { TreeBudget } from '../layer/tree-budget.ts';
import type { CacheKey } from './build-cache.ts';
import type { DictBlob } from './chunk-dict.ts';
import { addDictChunks } from './chunk-dict.ts';
import type { LayerReport } from './convert-options.ts';
import { decodeLayerRecord, encodeLayerRecord } from './layer-record.ts';
import type { ConvertSession } from './session.ts';

/** A layer to convert; without a key it is not cached. */
export type LayerInput = { readonly source: LayerSource; readonly key: CacheKey | undefined };

/** A blob of the image's blob list: of a dictionary, or made from a layer. */
export type ContentBlob =
  | { readonly kind: 'dict'; readonly dict: number; readonly blob: DictBlob }
  | { readonly kind: 'layer'; readonly blob: LayerBlob; readonly isNew: boolean };

export type ImageContent = {
  readonly root: Directory;
  readonly index: ChunkIndex;
  readonly blobs: readonly ContentBlob[];
  readonly layerBlobs: readonly (Descriptor | undefined)[];
  readonly reports: readonly LayerReport[];
};

export async function convertLayers(
  session: ConvertSession,
  inputs: readonly LayerInput[],
): Promise<ImageContent> {
  const index = new ChunkIndex();
  const root = implicitDirectory();
  const budget = new TreeBudget(root);
  const blobs = addDicts(session, index);
  const dictChunks = index.count;
  const layerBlobs: (Descriptor | undefined)[] = [];
  const reports: LayerReport[] = [];
  for (const [layer, input] of inputs.entries()) {
    session.signal.throwIfAborted();
    const startMs = performance.now();
    const { source } = input;
    session.onProgress({
      kind: 'layer-start',
      layer,
      digest: source.name,
      bytesTotal: source.storedBytes,
    });
    const done = await obtainLayer(session, input, { layer, index, dictChunks, blobs });
    const { unit, origin } = done;
    if (unit.blob !== undefined) {
      blobs.push({ kind: 'layer', blob: unit.blob, isNew: origin === 'converted' });
    }
    layerBlobs.push(unit.blob?.descriptor);
    // The tree wants the memory of the threads; no layer after the last needs them.
    if (layer === inputs.length - 1) await session.threads.close();
    await applyUnit(session, root, unit, { source, number: layer + 1, budget });
    const report = reportOf(session, done, source, performance.now() - startMs);
    reports.push(report);
    session.onProgress({ kind: 'layer-done', layer, report });
  }
  return { root, index, blobs, layerBlobs, reports };
}

function addDicts(session: ConvertSession, index: ChunkIndex): ContentBlob[] {
  const blobs: ContentBlob[] = [];
  for (const [number, dict] of session.dicts.entries()) {
    addDictChunks(dict, index, blobs.length);
    for (const blob of dict.blobs) blobs.push({ kind: 'dict', dict: number, blob });
  }
  return blobs;
}

type Position = {
  readonly layer: number;
  readonly index: ChunkIndex;
  readonly dictChunks: number;
  readonly blobs: readonly ContentBlob[];
};

type Obtained = {
  readonly unit: LayerUnit;
  readonly origin: LayerReport['origin'];
  readonly bytesRead: number;
};

async function obtainLayer(
  session: ConvertSession,
  { source, key }: LayerInput,
  position: Position,
): Promise<Obtained> {
  const { index, dictChunks, blobs, layer } = position;
  const cached = key === undefined ? undefined : await cachedUnit(session, key, index, blobs);
  if (cached !== undefined && key !== undefined) {
    const unit = await withPieces(session, cached, 'build-cache');
    // A record of before torrents: the blob is not read a second time.
    if (unit !== cached) await keepUnit(session, key, unit, index);
    return { unit, origin: 'build-cache', bytesRead: 0 };
  }
  let bytesRead = 0;
  const components = {
    pool: session.threads.open(),
    target: session.target,
    format: session.settings.format,
    index,
    dictChunks,
    blobNumber: blobs.length,
    firstReads: session.firstReads,
    pieceHasher: session.torrents?.openHasher(source.storedBytes),
    onBytes: (bytes: number) => {
      bytesRead += bytes;
      session.onProgress({ kind: 'layer-bytes', layer, bytes: bytesRead });
    },
  };
  const converted = await convertLayer(source, components, session.signal);
  const unit = await withPieces(session, converted, 'converted');
  if (key !== undefined) await keepUnit(session, key, unit, index);
  return { unit, origin: 'converted', bytesRead };
}

/** With what the torrent of its blob needs, where it gets one. */
async function withPieces(
  { torrents }: ConvertSession,
  unit: LayerUnit,
  origin: LayerReport['origin'],
): Promise<LayerUnit> {
  if (torrents === undefined || unit.blob === undefined) return unit;
  const blob = await torrents.withPieces(unit.blob, origin);
  torrents.addLayerBlob(blob);
  return blob === unit.blob ? unit : { ...unit, blob };
}

/** A known layer, if its record is sound and the target still has its blob. */
async function cachedUnit(
  session: ConvertSession,
  key: CacheKey,
  index: ChunkIndex,
  blobs: readonly ContentBlob[],
): Promise<LayerUnit | undefined> {
  const { cache, settings, signal, target, warnings } = session;
  const record = await cache?.read(key, signal);
  if (record === undefined) return undefined;
  try {
    const layout = new BlobLayout(index, settings.format, blobs.length);
    return await decodeLayerRecord(record, index, layout, (blob) =>
      target.hasBlob(blob, { signal }),
    );
  } catch (error) {
    signal.throwIfAborted();
    warnings.add(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** A cache that cannot be written costs time later, not the image now. */
async function keepUnit(
  session: ConvertSession,
  key: CacheKey,
  unit: LayerUnit,
  index: ChunkIndex,
): Promise<void> {
  const { cache, signal, warnings } = session;
  if (cache === undefined) return;
  const record = encodeLayerRecord(unit, index);
  if (record === undefined) return;
  try {
    await cache.write(key, record, signal);
  } catch (error) {
    signal.throwIfAborted();
    warnings.add(error instanceof Error ? error.message : String(error));
  }
}

async function applyUnit(
  session: ConvertSession,
  root: Directory,
  unit: LayerUnit,
  { source, number, budget }: { source: LayerSource; number: number; budget: TreeBudget },
): Promise<void> {
  const context = {
    layer: source.name,
    number,
    isLiteral: source.isLiteral,
    chunkOf: (local: number) => unit.chunkNumbers[local] ?? 0,
    onWarning: (text: string) => session.warnings.add(text),
    budget,
  };
  await replayLayer(root, unit.entries, context, session.signal);
}

function reportOf(
  { torrents }: ConvertSession,
  { unit, origin, bytesRead }: Obtained,
  source: LayerSource,
  durationMs: number,
): LayerReport {
  return {
    sourceDigest: source.name,
    origin,
    blobDigest: unit.blob?.descriptor.digest,
    sourceBytes: source.storedBytes ?? bytesRead,
    entries: unit.entryCount,
    fileBytes: unit.fileBytes,
    chunks: unit.blob?.chunkCount ?? 0,
    dedupedChunks: unit.dedupedChunks,
    dedupedBytes: unit.dedupedBytes,
    dictBytes: unit.dictBytes,
    blobBytes: unit.blob?.descriptor.size ?? 0,
    infohash: unit.blob === undefined ? undefined : torrents?.infohashOf(unit.blob.descriptor),
    durationMs: Math.round(durationMs),
  };
}
