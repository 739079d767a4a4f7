/**
 * RAFS extended superblock, 256 bytes at 1152 (docs/format.md, "Extended superblock"): where the
 * tables are, the chunk size and the image-wide flags. Flags are read strictly, as nydusd does.
 */
import type { Compressor, Digester } from './algorithms.ts';
import { RafsCorruptError, RafsUnsupportedError } from './errors.ts';
import { readU64, writeU64 } from './integers.ts';
import { CHUNK_SIZE_MAX, CHUNK_SIZE_MIN } from './limits.ts';

export const EXTENDED_SUPERBLOCK_SIZE = 256;

export const EXTENDED_SUPERBLOCK_FIELD = {
  flags: 0,
  blobTableOffset: 8,
  blobTableSize: 16,
  chunkSize: 20,
  chunkTableOffset: 24,
  chunkTableSize: 32,
  prefetchTableOffset: 40,
  prefetchTableSize: 48,
  padding: 52,
  reserved: 56,
} as const;
const AT = EXTENDED_SUPERBLOCK_FIELD;
const WHERE = 'extended superblock';

export const RafsFlag = {
  compressionNone: 0x1,
  compressionLz4: 0x2,
  digestBlake3: 0x4,
  digestSha256: 0x8,
  explicitUidGid: 0x10,
  hasXattr: 0x20,
  compressionGzip: 0x40,
  compressionZstd: 0x80,
  inlinedChunkDigest: 0x100,
  tarfs: 0x200,
  encryptionNone: 0x100_0000,
  encryptionAes128Xts: 0x200_0000,
} as const;

const COMPAT_RESERVED = 0xfc00_0000;
const KNOWN = Object.values(RafsFlag).reduce<number>((all, bit) => all | bit, COMPAT_RESERVED);

const COMPRESSION_FLAGS: ReadonlyMap<Compressor, number> = new Map([
  ['none', RafsFlag.compressionNone],
  ['lz4_block', RafsFlag.compressionLz4],
  ['gzip', RafsFlag.compressionGzip],
  ['zstd', RafsFlag.compressionZstd],
]);
const DIGEST_FLAGS: ReadonlyMap<Digester, number> = new Map([
  ['blake3', RafsFlag.digestBlake3],
  ['sha256', RafsFlag.digestSha256],
]);

export type ExtendedSuperblock = {
  readonly flags: number;
  /** Default of the image; the blob table decides how a blob is decoded. */
  readonly compressor: Compressor;
  readonly digester: Digester;
  readonly chunkSize: number;
  readonly blobTableOffset: number;
  readonly blobTableSize: number;
  readonly chunkTableOffset: number;
  readonly chunkTableSize: number;
  readonly prefetchTableOffset: number;
  readonly prefetchTableSize: number;
};

export type RafsFlagSet = {
  readonly compressor: Compressor;
  readonly digester: Digester;
  readonly hasXattrs: boolean;
  readonly hasInlinedDigests: boolean;
  /** @default false */
  readonly isEncrypted?: boolean;
};

/** The flags word of an image. */
export function rafsFlags(set: RafsFlagSet): number {
  return (
    (COMPRESSION_FLAGS.get(set.compressor) ?? 0) |
    (DIGEST_FLAGS.get(set.digester) ?? 0) |
    RafsFlag.explicitUidGid |
    (set.hasXattrs ? RafsFlag.hasXattr : 0) |
    (set.hasInlinedDigests ? RafsFlag.inlinedChunkDigest : 0) |
    (set.isEncrypted === true ? RafsFlag.encryptionAes128Xts : RafsFlag.encryptionNone)
  );
}

/** The 256 bytes of an extended superblock; compressor and digester are taken from the flags. */
export function encodeExtendedSuperblock(
  extended: Omit<ExtendedSuperblock, 'compressor' | 'digester'>,
): Buffer {
  const bytes = Buffer.alloc(EXTENDED_SUPERBLOCK_SIZE);
  bytes.writeUInt32LE(extended.flags, AT.flags);
  writeU64(bytes, extended.blobTableOffset, AT.blobTableOffset);
  bytes.writeUInt32LE(extended.blobTableSize, AT.blobTableSize);
  bytes.writeUInt32LE(extended.chunkSize, AT.chunkSize);
  writeU64(bytes, extended.chunkTableOffset, AT.chunkTableOffset);
  writeU64(bytes, extended.chunkTableSize, AT.chunkTableSize);
  writeU64(bytes, extended.prefetchTableOffset, AT.prefetchTableOffset);
  bytes.writeUInt32LE(extended.prefetchTableSize, AT.prefetchTableSize);
  return bytes;
}

/** Reads 256 bytes; where the tables lie is checked by `openBootstrap`, which knows the file. */
export function decodeExtendedSuperblock(bytes: Buffer): ExtendedSuperblock {
  const flags = readU64(bytes, AT.flags, WHERE);
  if (flags > 0xffff_ffff || (flags & ~KNOWN) !== 0) {
    throw new RafsUnsupportedError(WHERE, `unknown flags in 0x${flags.toString(16)}`);
  }
  if ((flags & RafsFlag.tarfs) !== 0) {
    throw new RafsUnsupportedError(WHERE, 'tarfs images are not supported');
  }
  return {
    flags,
    compressor: onlyOne(COMPRESSION_FLAGS, flags, 'compressor'),
    digester: onlyOne(DIGEST_FLAGS, flags, 'digester'),
    chunkSize: decodeChunkSize(bytes.readUInt32LE(AT.chunkSize)),
    blobTableOffset: readU64(bytes, AT.blobTableOffset, WHERE),
    blobTableSize: bytes.readUInt32LE(AT.blobTableSize),
    chunkTableOffset: readU64(bytes, AT.chunkTableOffset, WHERE),
    chunkTableSize: readU64(bytes, AT.chunkTableSize, WHERE),
    prefetchTableOffset: readU64(bytes, AT.prefetchTableOffset, WHERE),
    prefetchTableSize: bytes.readUInt32LE(AT.prefetchTableSize),
  };
}

/** True for a power of two between 4 KiB and 16 MiB. */
export function isChunkSize(size: number): boolean {
  return (
    Number.isInteger(size) &&
    size >= CHUNK_SIZE_MIN &&
    size <= CHUNK_SIZE_MAX &&
    (size & (size - 1)) === 0
  );
}

function decodeChunkSize(size: number): number {
  if (isChunkSize(size)) return size;
  throw new RafsCorruptError(WHERE, `chunk size ${size} is no power of two from 4 KiB to 16 MiB`);
}

function onlyOne<T>(bits: ReadonlyMap<T, number>, flags: number, what: string): T {
  const set = [...bits].filter(([, bit]) => (flags & bit) !== 0);
  const [only] = set;
  if (only !== undefined && set.length === 1) return only[0];
  throw new RafsCorruptError(WHERE, `${set.length} ${what} flags are set instead of one`);
}
