/** A blob is recorded in segments, so that a range costs one small record and not that of the blob. */
import { PIECE_BYTES } from '../limits.ts';
import type { ByteRange } from '../ranges/byte-range.ts';
import { SEGMENT_BYTES } from './limits.ts';

export const SEGMENT_PIECES: number = SEGMENT_BYTES / PIECE_BYTES;

/** Of a segment of a blob; the last one may be shorter. */
export function segmentRange(segment: number, sizeBytes: number): ByteRange {
  const start = segment * SEGMENT_BYTES;
  return { start, end: Math.min(start + SEGMENT_BYTES, sizeBytes) };
}

export function segmentCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / SEGMENT_BYTES);
}

/** The segments that a range has bytes of. */
export function* segmentsOf({ start, end }: ByteRange): Generator<number> {
  const last = Math.floor((end - 1) / SEGMENT_BYTES);
  for (let segment = Math.floor(start / SEGMENT_BYTES); segment <= last; segment++) yield segment;
}
