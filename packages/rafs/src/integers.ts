/**
 * 64-bit integers of the format as JavaScript numbers. A value that a number cannot hold exactly is
 * never legal in any field, so it is refused here once for all. Everything is little-endian.
 */
import { RafsCorruptError, RafsTruncatedError } from './errors.ts';

/** Unsigned 64 bits; throws ERR_RAFS_CORRUPT above 2^53-1. */
export function readU64(bytes: Buffer, offset: number, structure: string): number {
  const value = bytes.readUInt32LE(offset + 4) * 2 ** 32 + bytes.readUInt32LE(offset);
  if (Number.isSafeInteger(value)) return value;
  throw new RafsCorruptError(structure, `the number at byte ${offset} is impossibly large`);
}

/** Signed 64 bits; throws ERR_RAFS_CORRUPT outside +-2^53. */
export function readI64(bytes: Buffer, offset: number, structure: string): number {
  const value = bytes.readInt32LE(offset + 4) * 2 ** 32 + bytes.readUInt32LE(offset);
  if (Number.isSafeInteger(value)) return value;
  throw new RafsCorruptError(structure, `the number at byte ${offset} is impossibly large`);
}

/** Writes a safe integer, negative ones in two's complement. */
export function writeI64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeBigInt64LE(BigInt(value), offset);
}

/** Writes a non-negative safe integer. */
export function writeU64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value % 2 ** 32, offset);
  bytes.writeUInt32LE(Math.floor(value / 2 ** 32), offset + 4);
}

/** The next multiple of `unit`; exact for safe integers, unlike bit operations. */
export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

/** The `size` bytes at `offset`; throws ERR_RAFS_TRUNCATED when they are not all there. */
export function sliceExactly(
  bytes: Buffer,
  offset: number,
  size: number,
  structure: string,
): Buffer {
  if (offset < 0 || size < 0 || offset + size > bytes.length) {
    throw new RafsTruncatedError(
      structure,
      `bytes ${offset} to ${offset + size} lie outside the ${bytes.length} bytes given`,
    );
  }
  return bytes.subarray(offset, offset + size);
}
