/**
 * The bytes of any sequence of chunks, in its order. Chunks are taken some megabytes ahead, sorted
 * by their place in the blobs and read in few large ranges: thousands of small files next to each
 * other cost one request, not thousands.
 */
import type { BlobDescription } from '@shoal/blob-store';
import { ChunkCorruptError } from '@shoal/blob-store';
import { READ_GAP_BYTES_MAX, READ_STEP_CHUNKS_MAX, READ_STEP_RAW_BYTES } from '../limits.ts';
import type { ChunkRef } from './file-content.ts';
import type { ReadWindow } from './read-window.ts';
import { WindowBuilder } from './read-window.ts';
import type { WindowComponents } from './window-reader.ts';
import { readWindows } from './window-reader.ts';

/** Chunk number in the low 24 bits, blob number above. */
type ChunkKey = number;
const CHUNKS_PER_BLOB = 2 ** 24;

const keyOf = ({ blobIndex, chunkIndex }: ChunkRef): ChunkKey =>
  blobIndex * CHUNKS_PER_BLOB + chunkIndex;

/**
 * Yields each chunk's bytes, valid until the next. The chunks after them are read meanwhile.
 * Throws `ERR_BLOB_STORE_CHUNK_CORRUPT` for a chunk that does not verify.
 */
export async function* readChunks(
  refs: Iterator<ChunkRef>,
  blobs: readonly BlobDescription[],
  components: WindowComponents,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const controller = new AbortController();
  const all = AbortSignal.any([signal, controller.signal]);
  const start = () => startStep(takeStep(refs), blobs, components, all);
  let next = start();
  try {
    while (next.refs.length > 0) {
      const step = next;
      const chunks = await step.reading;
      next = start();
      for (const ref of step.refs) yield chunks.get(keyOf(ref)) ?? Buffer.alloc(0);
    }
  } finally {
    controller.abort();
    await Promise.allSettled([next.reading]);
  }
}

/** The next chunks that fit into memory together; none at the end. */
function takeStep(refs: Iterator<ChunkRef>): ChunkRef[] {
  const step: ChunkRef[] = [];
  let bytes = 0;
  while (bytes < READ_STEP_RAW_BYTES && step.length < READ_STEP_CHUNKS_MAX) {
    const next = refs.next();
    if (next.done === true) break;
    step.push(next.value);
    bytes += next.value.size;
  }
  return step;
}

type Step = {
  readonly refs: readonly ChunkRef[];
  readonly reading: Promise<ReadonlyMap<ChunkKey, Buffer>>;
};

function startStep(
  refs: readonly ChunkRef[],
  blobs: readonly BlobDescription[],
  components: WindowComponents,
  signal: AbortSignal,
): Step {
  const reading = readStep(refs, blobs, components, signal);
  // Seen when its turn comes; without this Node would report it as unhandled meanwhile.
  reading.catch(() => {});
  return { refs, reading };
}

async function readStep(
  refs: readonly ChunkRef[],
  blobs: readonly BlobDescription[],
  components: WindowComponents,
  signal: AbortSignal,
): Promise<ReadonlyMap<ChunkKey, Buffer>> {
  const chunks = new Map<ChunkKey, Buffer>();
  const windows = windowsOfStep(refs, blobs);
  for await (const { window, raw, failures } of readWindows(windows, blobs, components, signal)) {
    const { blobIndex } = window;
    const [failure] = failures;
    if (failure !== undefined) {
      const detail = `it does not verify (${failure.reason})`;
      throw new ChunkCorruptError(blobs[blobIndex]?.blobId ?? '', failure.chunk, detail);
    }
    for (const { chunk, rawOffset, size } of window.chunks) {
      const bytes = raw.subarray(rawOffset, rawOffset + size);
      chunks.set(keyOf({ blobIndex, chunkIndex: chunk, size }), bytes);
    }
  }
  return chunks;
}

/** Ranged reads that hold the chunks, each chunk once, in the order the blobs store them. */
function* windowsOfStep(
  refs: readonly ChunkRef[],
  blobs: readonly BlobDescription[],
): Generator<ReadWindow, void> {
  const storedOffset = ({ blobIndex, chunkIndex }: ChunkRef) =>
    blobs[blobIndex]?.chunks.storedOffset[chunkIndex] ?? 0;
  const unique = [...new Map(refs.map((ref) => [keyOf(ref), ref])).values()];
  unique.sort(
    (a, b) =>
      a.blobIndex - b.blobIndex || storedOffset(a) - storedOffset(b) || a.chunkIndex - b.chunkIndex,
  );
  let builder: WindowBuilder | undefined;
  for (const { blobIndex, chunkIndex } of unique) {
    const blob = blobs[blobIndex];
    if (blob === undefined) continue;
    if (builder?.blobIndex === blobIndex && builder.add(chunkIndex)) continue;
    if (builder !== undefined) yield builder.build();
    builder = new WindowBuilder(blobIndex, blob, READ_GAP_BYTES_MAX);
    builder.add(chunkIndex);
  }
  if (builder !== undefined) yield builder.build();
}
