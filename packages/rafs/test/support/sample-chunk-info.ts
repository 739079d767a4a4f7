/**
 * Chunk-info as Nydus 2.3 and later writes it and Shoal does not: v2 entries, batches, encryption.
 * Made from the field tables, to test reading.
 */
import { zstdCompressSync } from 'node:zlib';
import type { BlobCipher, BlobTableEntry, Compressor } from '@shoal/rafs';
import { BlobFeature } from '@shoal/rafs';
import {
  BATCH_CONTEXT_SIZE,
  type BatchContext,
  CHUNK_INFO_V2_SIZE,
  type ChunkInfo,
  ChunkInfoFlag,
  encodeBatchContext,
  encodeChunkInfoV2,
} from '../../src/blob/chunk-info.ts';
import { encodeChunkInfoHeader } from '../../src/blob/chunk-info-header.ts';
import { encryptUnit } from '../../src/blob/xts.ts';
import { TEST_BLOB_ID } from './build-image.ts';

export type SampleOptions = {
  readonly chunks: readonly ChunkInfo[];
  readonly contexts?: readonly BatchContext[];
  readonly cipher?: BlobCipher;
  /** Size of the chunk data. */
  readonly dataSize: number;
  readonly uncompressedSize: number;
  readonly compressor?: Extract<Compressor, 'none' | 'zstd'>;
};

export type SampleChunkInfo = { readonly entry: BlobTableEntry; readonly stored: Buffer };

const SECTION_HEADER_SIZE = 512;

/** The bytes of `chunkInfoRange` and the blob table entry that goes with them. */
export function sampleChunkInfo(options: SampleOptions): SampleChunkInfo {
  const { chunks, contexts = [], cipher } = options;
  const entriesSize = chunks.length * CHUNK_INFO_V2_SIZE;
  const contextSize = contexts.length * BATCH_CONTEXT_SIZE;
  const array = Buffer.alloc(entriesSize + contextSize);
  for (const [index, chunk] of chunks.entries()) {
    encodeChunkInfoV2(chunk, array, index * CHUNK_INFO_V2_SIZE);
  }
  for (const [index, context] of contexts.entries()) {
    encodeBatchContext(context, array, entriesSize + index * BATCH_CONTEXT_SIZE);
  }
  const packed = options.compressor === 'zstd' ? zstdCompressSync(array) : array;
  const features =
    0x7000_0021 |
    BlobFeature.chunkInfoV2 |
    (contexts.length > 0 ? BlobFeature.batch : 0) |
    (cipher === undefined ? 0 : BlobFeature.encrypted);
  const encrypt = (bytes: Buffer): Buffer =>
    cipher === undefined ? bytes : encryptUnit(bytes, cipher);
  const storedArray = encrypt(packed);
  const compressor = options.compressor ?? 'none';
  const header = encodeChunkInfoHeader({
    features,
    compressor,
    entries: chunks.length,
    offset: options.dataSize + SECTION_HEADER_SIZE,
    compressedSize: storedArray.length,
    uncompressedSize: array.length,
    contextOffset: contexts.length > 0 ? entriesSize : 0,
    contextSize,
    contextCount: contexts.length,
  });
  const entry: BlobTableEntry = {
    blobId: TEST_BLOB_ID,
    blobIndex: 0,
    chunkSize: 0x10_0000,
    chunkCount: chunks.length,
    compressor: 'zstd',
    digester: 'sha256',
    features,
    compressedSize: options.dataSize,
    uncompressedSize: options.uncompressedSize,
    tocSize: 0,
    ciCompressor: compressor,
    ciOffset: options.dataSize + SECTION_HEADER_SIZE,
    ciCompressedSize: storedArray.length,
    ciUncompressedSize: array.length,
    tocDigest: Buffer.alloc(32),
    metaDigest: Buffer.alloc(32),
    metaSize: 0,
    cipher,
    firstReads: undefined,
  };
  return { entry, stored: Buffer.concat([storedArray, encrypt(header)]) };
}

export const TEST_CIPHER: BlobCipher = {
  key: Buffer.from(Array.from({ length: 32 }, (_, index) => index)),
  iv: Buffer.alloc(16, 7),
};

/** A chunk of its own. */
export function plainChunk(at: number, stored: number, size: number, flags = 0): ChunkInfo {
  return {
    uncompressedOffset: at,
    uncompressedSize: size,
    compressedOffset: stored,
    compressedSize: size,
    flags,
    dataLow: 0,
    dataHigh: 0,
  };
}

/** Three small files in one batch, then an ordinary chunk with a checksum. */
export function batchSample(
  extra: Pick<SampleOptions, 'cipher' | 'compressor'> = {},
): SampleChunkInfo {
  const encrypted = extra.cipher === undefined ? 0 : ChunkInfoFlag.encrypted;
  const member = (index: number): ChunkInfo => ({
    uncompressedOffset: index * 4096,
    uncompressedSize: 100,
    compressedOffset: 0,
    compressedSize: 0,
    flags: ChunkInfoFlag.batch | ChunkInfoFlag.compressed | encrypted,
    dataLow: index * 100,
    dataHigh: 0,
  });
  const last: ChunkInfo = {
    ...plainChunk(
      3 * 4096,
      120,
      5000,
      ChunkInfoFlag.hasCrc32c | ChunkInfoFlag.compressed | encrypted,
    ),
    compressedSize: 900,
    dataLow: 0x1234_5678,
  };
  return sampleChunkInfo({
    chunks: [member(0), member(1), member(2), last],
    contexts: [{ compressedSize: 120, uncompressedSize: 300 }],
    dataSize: 1020,
    uncompressedSize: 5 * 4096,
    ...extra,
  });
}
