/**
 * One chunk in, one chunk out, synchronously: for codec threads only. Format: rafs-v6, 5.2.
 * zstd is one frame with its content size; lz4_block is a raw block without frame or size.
 */

import { constants, gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Compressor } from '@shoal/rafs';
import { CodecJobError } from '../errors.ts';
import { decodeLz4Block, encodeLz4Block } from './lz4-block.ts';

/** The level nydus-image uses. */
export const ZSTD_LEVEL = 3;
/** Smallest output chunk size node:zlib takes. */
const ZLIB_CHUNK_MIN = 64;

/** The compressed bytes, or undefined when they are not fewer than the raw ones. */
export function compressChunk(raw: Uint8Array, compressor: Compressor): Uint8Array | undefined {
  const stored = compressAlways(raw, compressor);
  return stored !== undefined && stored.length < raw.length ? stored : undefined;
}

function compressAlways(raw: Uint8Array, compressor: Compressor): Uint8Array | undefined {
  switch (compressor) {
    case 'none':
      return undefined;
    case 'zstd':
      // Whole-buffer chunks: the default of 16 KiB is several times slower.
      return zstdCompressSync(raw, {
        chunkSize: Math.max(ZLIB_CHUNK_MIN, raw.length),
        pledgedSrcSize: raw.length,
        params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
      });
    case 'lz4_block':
      return encodeLz4Block(bufferOf(raw));
    case 'gzip':
      throw new CodecJobError('gzip chunks are read, never written');
  }
}

/**
 * Exactly `rawSize` bytes. Throws whatever the decoder throws, or a RangeError when the size is
 * another; never produces more than `rawSize` bytes.
 */
export function decompressChunk(
  stored: Uint8Array,
  compressor: Compressor,
  rawSize: number,
): Uint8Array {
  const raw = decompressAny(stored, compressor, rawSize);
  if (raw.length !== rawSize) throw new RangeError(`${raw.length} bytes instead of ${rawSize}`);
  return raw;
}

function decompressAny(stored: Uint8Array, compressor: Compressor, rawSize: number): Uint8Array {
  // One byte more than needed: the decoder then ends without a second buffer.
  const bounds = { maxOutputLength: rawSize, chunkSize: Math.max(ZLIB_CHUNK_MIN, rawSize + 1) };
  switch (compressor) {
    case 'none':
      return stored;
    case 'zstd':
      return zstdDecompressSync(stored, bounds);
    case 'gzip':
      return gunzipSync(stored, bounds);
    case 'lz4_block':
      return decodeLz4Block(stored, rawSize);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
