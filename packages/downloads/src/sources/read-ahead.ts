/** A blob's bytes in order, through a source of ranges: some parts are under way at the same time. */
import type { BlobSource, SizedBlob, VerdictListener } from '@shoal/blob-store';
import type { SourceBytes } from '../file-source.ts';
import { PART_BYTES, PARTS_AHEAD } from '../limits.ts';
import { FetchedBytes } from './fetched-bytes.ts';

export type ReadAheadInput = {
  readonly source: BlobSource;
  readonly blob: SizedBlob;
  readonly offset: number;
  readonly signal: AbortSignal | undefined;
  readonly onSource: (bytes: SourceBytes) => void;
  readonly onVerdict: (listener: VerdictListener) => void;
};

/** Nothing is under way any more when it ends, however it ends. */
export async function* readAhead(input: ReadAheadInput): AsyncGenerator<Buffer, void> {
  const stop = new AbortController();
  const signal =
    input.signal === undefined ? stop.signal : AbortSignal.any([input.signal, stop.signal]);
  const { sizeBytes } = input.blob;
  const parts: Promise<Buffer>[] = [];
  let next = input.offset;
  try {
    for (;;) {
      for (; parts.length < PARTS_AHEAD && next < sizeBytes; next += PART_BYTES) {
        const part = readPart(input, next, Math.min(PART_BYTES, sizeBytes - next), signal);
        // Its failure counts when it is its turn.
        part.catch(() => undefined);
        parts.push(part);
      }
      const part = parts.shift();
      if (part === undefined) return;
      yield await part;
    }
  } finally {
    stop.abort();
    await Promise.allSettled(parts);
  }
}

async function readPart(
  { source, blob, onSource, onVerdict }: ReadAheadInput,
  offset: number,
  length: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const fetched = new FetchedBytes();
  const bytes = await source.read(blob, offset, length, {
    ...{ signal, onFetched: fetched.add, onVerdict },
    priority: 'prefetch',
  });
  onSource(fetched.of(length));
  return bytes;
}
