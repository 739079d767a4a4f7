/**
 * Ranges as bytes, for the wire and for records: how many, then of each the distance from the end of
 * the one before (less one, since they never touch) and its length (less one), as varints. Six bytes
 * for a range of 60 KiB. A set has one form only.
 */
import { RangeSetFormatError } from '../errors.ts';
import { RANGES_MAX } from '../limits.ts';
import type { ByteRange } from './byte-range.ts';
import { type Cursor, readVarint, VARINT_BYTES_MAX, varintBytes, writeVarint } from './varint.ts';

export type RangeDecodeLimits = {
  /** @default RANGES_MAX */
  readonly rangesMax?: number;
  /** No range may end behind it: the size of the blob. @default Number.MAX_SAFE_INTEGER */
  readonly endMax?: number;
};

/** `ranges` are sorted and do not touch, as those of a `RangeSet`. */
export function encodeRanges(ranges: readonly ByteRange[]): Buffer {
  const numbers = [ranges.length];
  let previousEnd = -1;
  for (const { start, end } of ranges) {
    numbers.push(start - previousEnd - 1, end - start - 1);
    previousEnd = end;
  }
  const bytes = Buffer.allocUnsafe(numbers.reduce((sum, number) => sum + varintBytes(number), 0));
  let at = 0;
  for (const number of numbers) at = writeVarint(bytes, at, number);
  return bytes;
}

/** The whole of `bytes`; throws `ERR_P2P_RANGE_SET_FORMAT`. */
export function decodeRanges(bytes: Uint8Array, limits: RangeDecodeLimits = {}): ByteRange[] {
  const cursor: Cursor = { bytes, at: 0 };
  const ranges = readRanges(cursor, limits);
  if (cursor.at !== bytes.length) throw new RangeSetFormatError('bytes follow the last range');
  return ranges;
}

/** From where the cursor is, which moves behind the last one; throws `ERR_P2P_RANGE_SET_FORMAT`. */
export function readRanges(cursor: Cursor, limits: RangeDecodeLimits = {}): ByteRange[] {
  const { rangesMax = RANGES_MAX, endMax = Number.MAX_SAFE_INTEGER } = limits;
  const count = readVarint(cursor);
  if (count > rangesMax)
    throw new RangeSetFormatError(`${count} ranges are more than ${rangesMax}`);
  // Each takes two bytes or more: nothing is made for a number that cannot be true.
  if (count * 2 > cursor.bytes.length - cursor.at) {
    throw new RangeSetFormatError('it is shorter than its ranges');
  }
  const ranges: ByteRange[] = [];
  let previousEnd = -1;
  for (let index = 0; index < count; index++) {
    const start = previousEnd + 1 + readVarint(cursor);
    const end = start + 1 + readVarint(cursor);
    if (end > endMax) throw new RangeSetFormatError(`a range ends behind ${endMax}`);
    ranges.push({ start, end });
    previousEnd = end;
  }
  return ranges;
}

/** Bytes that so many ranges take at most. */
export function encodedRangesBytesMax(count: number): number {
  return VARINT_BYTES_MAX * (1 + 2 * count);
}
