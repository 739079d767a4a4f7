/**
 * Blob table entry, 256 bytes (docs/format.md, "Blob table"): what nydusd knows of a blob. In
 * encrypted images three fields change their meaning and hold the data key and its IV.
 */
import type { Compressor, Digester } from './algorithms.ts';
import {
  cipherNumber,
  cipherOf,
  compressorNumber,
  compressorOf,
  digesterNumber,
  digesterOf,
} from './algorithms.ts';
import { BLOB_ID_SIZE, decodeBlobId, encodeBlobId } from './blob-id.ts';
import { readU64, writeU64 } from './integers.ts';

export const BLOB_TABLE_ENTRY_SIZE = 256;

export const BLOB_TABLE_ENTRY_FIELD = {
  blobId: 0,
  blobIndex: 64,
  chunkSize: 68,
  chunkCount: 72,
  compressor: 76,
  digester: 80,
  features: 84,
  compressedSize: 88,
  uncompressedSize: 96,
  tocSize: 104,
  ciCompressor: 108,
  ciOffset: 112,
  ciCompressedSize: 120,
  ciUncompressedSize: 128,
  tocDigest: 136,
  metaDigest: 168,
  metaSize: 200,
  cipherIv: 208,
  cipher: 216,
  firstReadsMagic: 220,
  firstReadsBlock: 224,
  firstReadsBlocks: 228,
  reserved: 232,
} as const;
const AT = BLOB_TABLE_ENTRY_FIELD;
const WHERE = 'blob table entry';
export const DIGEST_SIZE = 32;
const CIPHER_IV_SIZE = 16;
/** "SFR1": the two fields after it are Shoal's; Nydus leaves these bytes 0 and ignores them. */
const FIRST_READS_MAGIC = 0x31_52_46_53;

/** Key and IV of an encrypted blob; as secret as the bootstrap they are read from. */
export type BlobCipher = { readonly key: Buffer; readonly iv: Buffer };

/**
 * The part of a blob that holds what a program reads first, in the order of its reads: 4 KiB blocks
 * of the device file.
 */
export type FirstReads = { readonly block: number; readonly blocks: number };

export type BlobTableEntry = {
  /** Hex of the blob's layer digest, or `SELF_BLOB_ID`. */
  readonly blobId: string;
  readonly blobIndex: number;
  readonly chunkSize: number;
  readonly chunkCount: number;
  readonly compressor: Compressor;
  readonly digester: Digester;
  /** Bits of `BlobFeature`. */
  readonly features: number;
  /** Bytes of chunk data as the builder counted them; use `blobDataSize`, never as content length. */
  readonly compressedSize: number;
  /** Bytes of the device file. */
  readonly uncompressedSize: number;
  /** Table of contents with its tar header, bytes; 0 when unknown. */
  readonly tocSize: number;
  readonly ciCompressor: Compressor;
  /** Where the chunk-info array starts in the blob; its header follows it. */
  readonly ciOffset: number;
  readonly ciCompressedSize: number;
  readonly ciUncompressedSize: number;
  /** SHA-256 of table of contents and its tar header; zeros when unknown. */
  readonly tocDigest: Buffer;
  /** SHA-256 of the metadata blob of an OCI-ref image; zeros otherwise. */
  readonly metaDigest: Buffer;
  readonly metaSize: number;
  readonly cipher: BlobCipher | undefined;
  readonly firstReads: FirstReads | undefined;
};

export function encodeBlobTableEntry(entry: BlobTableEntry, bytes: Buffer, offset: number): void {
  const at = bytes.subarray(offset, offset + BLOB_TABLE_ENTRY_SIZE);
  encodeBlobId(entry.blobId, at, AT.blobId);
  at.writeUInt32LE(entry.blobIndex, AT.blobIndex);
  at.writeUInt32LE(entry.chunkSize, AT.chunkSize);
  at.writeUInt32LE(entry.chunkCount, AT.chunkCount);
  at.writeUInt32LE(compressorNumber(entry.compressor), AT.compressor);
  at.writeUInt32LE(digesterNumber(entry.digester), AT.digester);
  at.writeUInt32LE(entry.features, AT.features);
  writeU64(at, entry.compressedSize, AT.compressedSize);
  writeU64(at, entry.uncompressedSize, AT.uncompressedSize);
  at.writeUInt32LE(entry.tocSize, AT.tocSize);
  at.writeUInt32LE(compressorNumber(entry.ciCompressor), AT.ciCompressor);
  writeU64(at, entry.ciOffset, AT.ciOffset);
  writeU64(at, entry.ciCompressedSize, AT.ciCompressedSize);
  writeU64(at, entry.ciUncompressedSize, AT.ciUncompressedSize);
  entry.tocDigest.copy(at, AT.tocDigest, 0, DIGEST_SIZE);
  encodeSecretOrMeta(entry, at);
  if (entry.firstReads === undefined) return;
  at.writeUInt32LE(FIRST_READS_MAGIC, AT.firstReadsMagic);
  at.writeUInt32LE(entry.firstReads.block, AT.firstReadsBlock);
  at.writeUInt32LE(entry.firstReads.blocks, AT.firstReadsBlocks);
}

/** Reads 256 bytes at `offset`. Whether the numbers make sense is for `checkBlobTableEntry`. */
export function decodeBlobTableEntry(bytes: Buffer, offset: number): BlobTableEntry {
  const at = bytes.subarray(offset, offset + BLOB_TABLE_ENTRY_SIZE);
  const isEncrypted = cipherOf(at.readUInt32LE(AT.cipher), WHERE) !== 'none';
  const digestOrKey = at.subarray(AT.metaDigest, AT.metaDigest + DIGEST_SIZE);
  const iv = at.subarray(AT.metaSize, AT.metaSize + CIPHER_IV_SIZE);
  return {
    blobId: decodeBlobId(at.subarray(AT.blobId, AT.blobId + BLOB_ID_SIZE), WHERE),
    blobIndex: at.readUInt32LE(AT.blobIndex),
    chunkSize: at.readUInt32LE(AT.chunkSize),
    chunkCount: at.readUInt32LE(AT.chunkCount),
    compressor: compressorOf(at.readUInt32LE(AT.compressor), WHERE),
    digester: digesterOf(at.readUInt32LE(AT.digester), WHERE),
    features: at.readUInt32LE(AT.features),
    compressedSize: readU64(at, AT.compressedSize, WHERE),
    uncompressedSize: readU64(at, AT.uncompressedSize, WHERE),
    tocSize: at.readUInt32LE(AT.tocSize),
    ciCompressor: compressorOf(at.readUInt32LE(AT.ciCompressor), WHERE),
    ciOffset: readU64(at, AT.ciOffset, WHERE),
    ciCompressedSize: readU64(at, AT.ciCompressedSize, WHERE),
    ciUncompressedSize: readU64(at, AT.ciUncompressedSize, WHERE),
    tocDigest: at.subarray(AT.tocDigest, AT.tocDigest + DIGEST_SIZE),
    metaDigest: isEncrypted ? Buffer.alloc(DIGEST_SIZE) : digestOrKey,
    metaSize: isEncrypted ? 0 : readU64(at, AT.metaSize, WHERE),
    cipher: isEncrypted ? { key: digestOrKey, iv } : undefined,
    firstReads: decodeFirstReads(at),
  };
}

function decodeFirstReads(at: Buffer): FirstReads | undefined {
  if (at.readUInt32LE(AT.firstReadsMagic) !== FIRST_READS_MAGIC) return undefined;
  return {
    block: at.readUInt32LE(AT.firstReadsBlock),
    blocks: at.readUInt32LE(AT.firstReadsBlocks),
  };
}

function encodeSecretOrMeta(entry: BlobTableEntry, at: Buffer): void {
  if (entry.cipher === undefined) {
    entry.metaDigest.copy(at, AT.metaDigest, 0, DIGEST_SIZE);
    writeU64(at, entry.metaSize, AT.metaSize);
    return;
  }
  entry.cipher.key.copy(at, AT.metaDigest, 0, DIGEST_SIZE);
  entry.cipher.iv.copy(at, AT.metaSize, 0, CIPHER_IV_SIZE);
  at.writeUInt32LE(cipherNumber('aes-128-xts'), AT.cipher);
}
