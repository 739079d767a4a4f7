/**
 * A daemon's trace as reads of files: the metadata of the image says what lies where. This happens in
 * the command, so that a large image costs the daemon nothing.
 */
import { readFile } from 'node:fs/promises';
import {
  type ByteString,
  bytesOf,
  type FileRange,
  findFileRanges,
  openBootstrap,
} from '@shoal/rafs';
import type { MountTrace } from '@shoal/snapshotter';

export type TracedRead = {
  /** ISO 8601. */
  readonly at: string;
  /** Milliseconds since the first read. */
  readonly sinceMs: number;
  readonly waitMs: number;
  readonly source: string;
  readonly isFailed: boolean;
  readonly blobId: string;
  /** Bytes of the blob's uncompressed address space. */
  readonly offset: number;
  readonly length: number;
  /** What lies there, in its order. */
  readonly files: readonly FileRange[];
};

export type TracedMount = {
  readonly mountpoint: string;
  readonly reference: string;
  readonly reads: readonly TracedRead[];
  /** Reads between the first and the last ones that were not kept. */
  readonly dropped: number;
};

/** The reads of a mount by their time. */
export async function tracedReads(trace: MountTrace): Promise<TracedMount> {
  const misses = trace.blobs
    .flatMap(({ blobId, misses }, blobIndex) =>
      misses.map((miss) => ({ ...miss, blobId, blobIndex })),
    )
    .toSorted((a, b) => a.at - b.at);
  const bootstrap = openBootstrap(await readFile(trace.bootstrapFile));
  const files = findFileRanges(bootstrap, misses);
  const startAt = misses[0]?.at ?? 0;
  const reads = misses.map(({ at, waitMs, source, isFailed, blobId, offset, length }, index) => ({
    ...{ at: new Date(at).toISOString(), sinceMs: at - startAt, waitMs, source },
    ...{ isFailed: isFailed === true, blobId, offset, length },
    files: files[index] ?? [],
  }));
  const dropped = trace.blobs.reduce((sum, blob) => sum + blob.dropped, 0);
  return { mountpoint: trace.mountpoint, reference: trace.reference, reads, dropped };
}

/** Of larger files a start usually reads a part. */
const WHOLE_FILE_BYTES_MAX = 4 << 20;

/**
 * What was read in the order of the first reads, as `convert --prefetch-patterns` takes it: files, and of
 * large ones of which less than half was read the parts. Left out are names that such a list cannot
 * hold: those with tabs or line breaks, and those that are no UTF-8.
 */
export function prefetchPatterns(mounts: readonly TracedMount[]): readonly string[] {
  const files = mounts.flatMap(({ reads }) => reads).flatMap((read) => read.files);
  const isWhole = new Map<ByteString, boolean>();
  for (const [path, ranges] of Map.groupBy(files, (file) => file.path)) {
    isWhole.set(path, isReadAsWhole(ranges));
  }
  const patterns = new Set<string>();
  for (const { path, offset, length } of files) {
    const bytes = bytesOf(path);
    const text = bytes.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes) || /[\t\r\n]/.test(text)) continue;
    patterns.add(isWhole.get(path) === true ? `/${text}` : `/${text}\t${offset}\t${length}`);
  }
  return [...patterns];
}

function isReadAsWhole(ranges: readonly FileRange[]): boolean {
  const [first] = ranges;
  if (first === undefined) return false;
  const bytesRead = ranges.reduce((sum, { length }) => sum + length, 0);
  return first.fileBytes <= WHOLE_FILE_BYTES_MAX || bytesRead * 2 >= first.fileBytes;
}
