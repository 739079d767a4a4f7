/**
 * A daemon's trace as reads of files: the metadata of the image says what lies where. This happens in
 * the command, so that a large image costs the daemon nothing.
 */
import { readFile } from 'node:fs/promises';
import { bytesOf, type FileRange, findFileRanges, openBootstrap } from '@shoal/rafs';
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

/** A list names whole files: of larger ones a start usually reads a part. */
const LISTED_FILE_BYTES_MAX = 4 << 20;

/**
 * The files in the order of their first read, as `convert --prefetch-patterns` takes them. Left out are
 * large files of which less than half was read, and names that such a file cannot hold: those with line
 * breaks, and those that are no UTF-8.
 */
export function prefetchPatterns(mounts: readonly TracedMount[]): readonly string[] {
  const files = mounts.flatMap(({ reads }) => reads).flatMap((read) => read.files);
  const paths = new Set<string>();
  for (const [path, ranges] of Map.groupBy(files, (file) => file.path)) {
    const bytes = bytesOf(path);
    const text = bytes.toString('utf8');
    const isNameable = Buffer.from(text, 'utf8').equals(bytes) && !/[\r\n]/.test(text);
    if (isNameable && isWorthListing(ranges)) paths.add(`/${text}`);
  }
  return [...paths];
}

function isWorthListing(ranges: readonly FileRange[]): boolean {
  const [first] = ranges;
  if (first === undefined) return false;
  const bytesRead = ranges.reduce((sum, { length }) => sum + length, 0);
  return first.fileBytes <= LISTED_FILE_BYTES_MAX || bytesRead * 2 >= first.fileBytes;
}
