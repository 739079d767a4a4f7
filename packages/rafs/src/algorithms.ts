/**
 * The algorithm numbers of blob table entries and chunk-info headers, and their names
 * (docs/format.md, "Algorithms").
 */
import { RafsCorruptError } from './errors.ts';

const COMPRESSORS = ['none', 'lz4_block', 'gzip', 'zstd'] as const;
const DIGESTERS = ['blake3', 'sha256'] as const;
const CIPHERS = ['none', 'aes-128-xts'] as const;

export type Compressor = (typeof COMPRESSORS)[number];
export type Digester = (typeof DIGESTERS)[number];
export type Cipher = (typeof CIPHERS)[number];

export function compressorNumber(compressor: Compressor): number {
  return COMPRESSORS.indexOf(compressor);
}

export function digesterNumber(digester: Digester): number {
  return DIGESTERS.indexOf(digester);
}

export function cipherNumber(cipher: Cipher): number {
  return CIPHERS.indexOf(cipher);
}

/** Throws ERR_RAFS_CORRUPT for a number nobody defined. */
export function compressorOf(number: number, structure: string): Compressor {
  return named(COMPRESSORS, number, structure, 'compressor');
}

/** Throws ERR_RAFS_CORRUPT for a number nobody defined. */
export function digesterOf(number: number, structure: string): Digester {
  return named(DIGESTERS, number, structure, 'digester');
}

/** Throws ERR_RAFS_CORRUPT for a number nobody defined or not allowed in v6 images. */
export function cipherOf(number: number, structure: string): Cipher {
  return named(CIPHERS, number, structure, 'cipher');
}

function named<T extends string>(
  names: readonly T[],
  number: number,
  structure: string,
  what: string,
): T {
  const name = names[number];
  if (name === undefined) throw new RafsCorruptError(structure, `unknown ${what} ${number}`);
  return name;
}
