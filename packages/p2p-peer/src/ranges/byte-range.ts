/** A stretch of bytes of a stored blob. */
import { ByteRangeError } from '../errors.ts';

export type ByteRange = {
  /** First byte; a safe integer, 0 or more. */
  readonly start: number;
  /** First byte behind it; above `start`. */
  readonly end: number;
};

/** Throws `ERR_P2P_BYTE_RANGE` for what is empty, turned round, negative or no whole number. */
export function checkByteRange({ start, end }: ByteRange): void {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || end <= start) {
    throw new ByteRangeError(start, end);
  }
}

export function rangeBytes({ start, end }: ByteRange): number {
  return end - start;
}
