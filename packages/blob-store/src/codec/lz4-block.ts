/**
 * Raw lz4 blocks, synchronously: for codec threads only. The binding is loaded on first use, since
 * most threads never see lz4 and loading it costs more than a small image takes to convert. It puts
 * the raw size, a u32, before the block; the format (rafs-v6, 5.2) does not.
 */
import { createRequire } from 'node:module';
import { loadNative } from './native-load.ts';

const PREFIX_BYTES = 4;

const load = createRequire(import.meta.url);
let binding: typeof import('lz4-napi') | undefined;

function lz4(): typeof import('lz4-napi') {
  binding ??= loadNative(() => load('lz4-napi') as typeof import('lz4-napi'));
  return binding;
}

export function encodeLz4Block(raw: Buffer): Uint8Array {
  return lz4().compressSync(raw).subarray(PREFIX_BYTES);
}

/** Throws what the binding throws; never makes more than `rawSize` bytes. */
export function decodeLz4Block(stored: Uint8Array, rawSize: number): Uint8Array {
  const prefixed = Buffer.allocUnsafe(PREFIX_BYTES + stored.length);
  prefixed.writeUInt32LE(rawSize, 0);
  prefixed.set(stored, PREFIX_BYTES);
  return lz4().uncompressSync(prefixed);
}
