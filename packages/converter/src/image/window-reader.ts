/**
 * Carries out ranged reads: fetch, decode and verify in the codec pool, several at a time, results
 * in order. Whoever consumes slowly holds at most a few windows in memory.
 */
import type { BlobDescription, BlobSource, CodecPool, PartFailure } from '@shoal/blob-store';
import { READ_WINDOWS_IN_FLIGHT } from '../limits.ts';
import type { ReadWindow } from './read-window.ts';

export type WindowComponents = {
  readonly source: BlobSource;
  readonly pool: CodecPool;
};

export type WindowResult = {
  readonly window: ReadWindow;
  readonly raw: Buffer;
  /** Chunks whose bytes are not what their digest says; their bytes in `raw` are zeros. */
  readonly failures: readonly { readonly chunk: number; readonly reason: PartFailure['reason'] }[];
};

/** Reads the windows in order, `READ_WINDOWS_IN_FLIGHT` at a time. */
export async function* readWindows(
  windows: Iterable<ReadWindow>,
  blobs: readonly BlobDescription[],
  components: WindowComponents,
  signal: AbortSignal,
): AsyncGenerator<WindowResult, void> {
  const controller = new AbortController();
  const all = AbortSignal.any([signal, controller.signal]);
  const running: Promise<WindowResult>[] = [];
  try {
    for (const window of windows) {
      const reading = readWindow(window, blobs, components, all);
      // Seen when its turn comes; without this Node would report it as unhandled meanwhile.
      reading.catch(() => {});
      running.push(reading);
      const first = running.length < READ_WINDOWS_IN_FLIGHT ? undefined : running.shift();
      if (first !== undefined) yield await first;
    }
    for (let next = running.shift(); next !== undefined; next = running.shift()) yield await next;
  } finally {
    controller.abort();
    await Promise.allSettled(running);
  }
}

async function readWindow(
  window: ReadWindow,
  blobs: readonly BlobDescription[],
  { source, pool }: WindowComponents,
  signal: AbortSignal,
): Promise<WindowResult> {
  const blob = blobs[window.blobIndex];
  if (blob === undefined) throw new RangeError(`no blob ${window.blobIndex}`);
  const key = {
    blobId: blob.blobId,
    ...(blob.storedBytes > 0 ? { sizeBytes: blob.storedBytes } : {}),
  };
  const stored = await source.read(key, window.offset, window.length, { signal });
  const job = {
    stored: transferable(stored),
    units: window.units,
    digester: blob.digester,
    rawBytes: window.rawBytes,
  };
  const result = await pool.run('verify-decompress', job, { signal });
  const failures = result.failures.map(({ unit, part, reason }) => ({
    chunk: chunkOfPart(window, unit, part),
    reason,
  }));
  return { window, raw: Buffer.from(result.raw), failures };
}

/** The bytes as a buffer of their own: the pool takes it away from us. */
function transferable(bytes: Buffer): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  const isWhole = byteOffset === 0 && byteLength === buffer.byteLength;
  if (isWhole && buffer instanceof ArrayBuffer) return buffer;
  const copy = new ArrayBuffer(byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}

function chunkOfPart(window: ReadWindow, unit: number, part: number): number {
  const rawOffset = window.units[unit]?.parts[part]?.rawOffset;
  return window.chunks.find((chunk) => chunk.rawOffset === rawOffset)?.chunk ?? 0;
}
