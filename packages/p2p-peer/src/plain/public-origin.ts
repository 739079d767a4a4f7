/**
 * What anybody gets of a registry, and the proof that it has a blob: it gives the bytes of windows that
 * it cannot foresee, and they are those that are held here. An image may name the digest of any blob, and
 * its registry may answer anything: only who has the bytes already can answer that.
 */
import { randomInt } from 'node:crypto';
import type { SizedBlob } from '@shoal/blob-store';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { BlobPlace } from '../store/shared-images.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import type { TorrentFile } from '../torrent/torrent-file.ts';
import {
  PUBLIC_WINDOW_BYTES,
  PUBLIC_WINDOW_EVERY_BYTES,
  PUBLIC_WINDOWS_MAX,
  PUBLIC_WINDOWS_MIN,
} from './limits.ts';

/** It is asked without credentials of any kind. */
export type PublicOrigin = {
  /**
   * These bytes of the blob, in this order; undefined when it gives them only with credentials, or not at
   * all. Rejects when that cannot be said now.
   */
  read(
    repository: string,
    blob: SizedBlob,
    ranges: readonly ByteRange[],
    signal: AbortSignal,
  ): Promise<readonly Buffer[] | undefined>;
  /** Published with the image. Rejects as the registry does. */
  torrent(place: BlobPlace, blob: SizedBlob, signal: AbortSignal): Promise<TorrentFile | undefined>;
};

export type Proof =
  | 'right'
  /** It gives other bytes, or none. */
  | 'refused'
  /** They are not held here any more: other windows have to be asked for. */
  | 'lost';

/** Places in these ranges that nobody can foresee: each byte is as likely to be in one as any other, nearly. */
export function drawWindows(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const bytes = ranges.reduce((sum, range) => sum + rangeBytes(range), 0);
  if (bytes === 0) return [];
  const count = PUBLIC_WINDOWS_MIN + Math.floor(bytes / PUBLIC_WINDOW_EVERY_BYTES);
  return Array.from({ length: Math.min(count, PUBLIC_WINDOWS_MAX) }, () =>
    windowAt(ranges, randomInt(bytes)),
  );
}

/** `at`: of the bytes in the ranges, counted through. */
function windowAt(ranges: readonly ByteRange[], at: number): ByteRange {
  let left = at;
  for (const range of ranges) {
    const length = rangeBytes(range);
    if (left < length) {
      const latest = Math.max(range.start, range.end - PUBLIC_WINDOW_BYTES);
      const start = Math.min(range.start + left, latest);
      return { start, end: Math.min(start + PUBLIC_WINDOW_BYTES, range.end) };
    }
    left -= length;
  }
  throw new RangeError(`there is no byte ${at} in the ranges`);
}

/** Rejects when it cannot be said now. */
export async function proveWindows(
  origin: PublicOrigin,
  repository: string,
  stored: StoredBlob,
  windows: readonly ByteRange[],
  signal: AbortSignal,
): Promise<Proof> {
  const ours: Buffer[] = [];
  for (const range of windows) {
    const bytes = await stored.read(range.start, rangeBytes(range));
    if (bytes === undefined) return 'lost';
    ours.push(bytes);
  }
  const { blobId, sizeBytes } = stored;
  const theirs = await origin.read(repository, { blobId, sizeBytes }, windows, signal);
  const isEqual = ours.every((bytes, index) => {
    const answer = theirs?.[index];
    return answer !== undefined && bytes.equals(answer);
  });
  return isEqual && ours.length > 0 ? 'right' : 'refused';
}
