/**
 * One chunk in, one chunk out, synchronously: for codec threads only. Format: rafs-v6, 5.2.
 * zstd is one frame with its content size; lz4_block is a raw block without frame or size.
 */
import { gunzipSync } from 'node:zlib';
import type { Compressor } from '@shoal/rafs';
import { CodecJobError } from '../errors.ts';
import { decodeLz4Block, encodeLz4Block } from './lz4-block.ts';
import { decodeZstdFrame, encodeZstdFrame } from './zstd-frame.ts';

/** Smallest output chunk size node:zlib takes. */
const ZLIB_CHUNK_MIN = 64;

/** The compressed bytes, valid until the next call; undefined when they are not fewer than the raw ones. */
export function compressChunk(raw: Uint8Array, compressor: Compressor): Uint8Array | undefined {
  const stored = compressAlways(raw, compressor);
  return stored !== undefined && stored.length < raw.length ? stored : undefined;
}

function compressAlways(raw: Uint8Array, compressor: Compressor): Uint8Array | undefined {
  switch (compressor) {
    case 'none':
      return undefined;
    case 'zstd':
      return encodeZstdFrame(raw);
    case 'lz4_block':
      return encodeLz4Block(bufferOf(raw));
    case 'gzip':
      throw new CodecJobError('gzip chunks are read, never written');
  }
}

/**
 * Exactly `rawSize` bytes, valid until the next call; perhaps in `into`, which has room for them.
 * Throws whatever the decoder throws, or a RangeError when the size is another; never produces more
 * than `rawSize` bytes.
 */
export function decompressChunk(
  stored: Uint8Array,
  compressor: Compressor,
  rawSize: number,
  into?: Uint8Array,
): Uint8Array {
  const raw = decompressAny(stored, compressor, rawSize, into);
  if (raw.length !== rawSize) throw new RangeError(`${raw.length} bytes instead of ${rawSize}`);
  return raw;
}

function decompressAny(
  stored: Uint8Array,
  compressor: Compressor,
  rawSize: number,
  into: Uint8Array | undefined,
): Uint8Array {
  switch (compressor) {
    case 'none':
      return stored;
    case 'zstd':
      return decodeZstdFrame(stored, rawSize, into);
    case 'gzip':
      return gunzipSync(stored, {
        maxOutputLength: rawSize,
        // One byte more than needed: the decoder then ends without a second buffer.
        chunkSize: Math.max(ZLIB_CHUNK_MIN, rawSize + 1),
      });
    case 'lz4_block':
      return decodeLz4Block(stored, rawSize);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
