/**
 * Digests of chunks, synchronously: for codec threads, and for what nobody waits for. SHA-256 is the
 * processor's own through node:crypto; BLAKE3 and CRC-32C come from WebAssembly that is loaded on
 * first use, since most threads never need it.
 */
import { hash } from 'node:crypto';
import type { Digester } from '@shoal/rafs';
import type { IHasher } from 'hash-wasm';

/** Castagnoli polynomial, bit reversed: the CRC of iSCSI and of rafs-v6, 11.1. */
const CASTAGNOLI = 0x82f6_3b78;

export type ChunkDigest = (bytes: Uint8Array) => Uint8Array;
export type ChunkCrc = (bytes: Uint8Array) => number;

let blake3: Promise<IHasher> | undefined;
let crc: Promise<IHasher> | undefined;

export async function openChunkDigest(digester: Digester): Promise<ChunkDigest> {
  if (digester === 'sha256') return (bytes) => hash('sha256', bytes, 'buffer');
  blake3 ??= import('hash-wasm').then(({ createBLAKE3 }) => createBLAKE3());
  const hasher = await blake3;
  return (bytes) => hasher.init().update(bytes).digest('binary');
}

export async function openChunkCrc(): Promise<ChunkCrc> {
  crc ??= import('hash-wasm').then(({ createCRC32 }) => createCRC32(CASTAGNOLI));
  const hasher = await crc;
  return (bytes) => Buffer.from(hasher.init().update(bytes).digest('binary')).readUInt32BE(0);
}
