/**
 * Chunks as zstd frames, synchronously: for codec threads only. One context and one buffer per
 * thread, where Node's libzstd can be called; `node:zlib` elsewhere, slower. Both give the same
 * bytes, whatever was compressed before: the same image converts to the same blobs.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ZstdCompressor, ZstdDecompressor } from '@shoal/linux/zstd';
import { loadNative } from './native-load.ts';

/** The level nydus-image uses. */
const ZSTD_LEVEL = 3;
/** Beside 1/256 of the content: more than zstd's own bound (ZSTD_COMPRESSBOUND) adds for any size. */
const ZLIB_ROOM_BYTES = 1024;
/** Smallest output chunk size node:zlib takes. */
const ZLIB_CHUNK_MIN = 64;

type Opened<T> = { readonly codec: T | undefined };

let compressor: Opened<ZstdCompressor> | undefined;
let decompressor: Opened<ZstdDecompressor> | undefined;
let target: Uint8Array = new Uint8Array(0);

/** One frame with its content size, valid until the next call. */
export function encodeZstdFrame(raw: Uint8Array): Uint8Array {
  compressor ??= { codec: loadNative(() => ZstdCompressor.open(ZSTD_LEVEL)) };
  return compressor.codec?.compress(raw) ?? encodeWithZlib(raw);
}

/** For Nodes that do not export their libzstd. */
export function encodeWithZlib(raw: Uint8Array): Uint8Array {
  return zstdCompressSync(raw, {
    // More than any frame takes: with less room zstd compresses in steps, to other bytes.
    chunkSize: raw.length + (raw.length >> 8) + ZLIB_ROOM_BYTES,
    pledgedSrcSize: raw.length,
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
  });
}

/**
 * The content, at most `rawSize` bytes: in `into` where that can be, else valid until the next call.
 * Throws a RangeError, or what node:zlib throws, when the frame is damaged or larger.
 */
export function decodeZstdFrame(
  stored: Uint8Array,
  rawSize: number,
  into?: Uint8Array,
): Uint8Array {
  decompressor ??= { codec: loadNative(() => ZstdDecompressor.open()) };
  if (decompressor.codec === undefined) {
    // One byte more than needed: the decoder then ends without a second buffer.
    const chunkSize = Math.max(ZLIB_CHUNK_MIN, rawSize + 1);
    return zstdDecompressSync(stored, { maxOutputLength: rawSize, chunkSize });
  }
  if (into === undefined && target.length < rawSize) target = new Uint8Array(rawSize);
  const room = (into ?? target).subarray(0, rawSize);
  return room.subarray(0, decompressor.codec.decompress(stored, room));
}
