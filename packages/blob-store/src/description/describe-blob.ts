/**
 * What the cache must know of a blob: where its chunks are stored and land (the blob's chunk-info)
 * and which digests they must have (the bootstrap's chunk table; only for chunks it leaves out, the
 * blob's own digest section).
 */
import { type BlobId, parseBlobId } from '@shoal/oci';
import {
  type BlobMeta,
  type BlobTableEntry,
  type Bootstrap,
  checkReadableFeatures,
  chunkInfoRange,
  decodeBlobMetaFile,
  decodeStoredChunkInfo,
  digestSectionRange,
} from '@shoal/rafs';
import { type CipherKey, DIGEST_BYTES } from '../codec/codec-jobs.ts';
import { BlobLayoutError } from '../errors.ts';
import type { BlobSource } from '../source/blob-source.ts';
import { exactSource } from '../source/exact-source.ts';
import type { BlobDescription, ChunkColumns } from './blob-description.ts';
import { CHUNK_FLAG } from './blob-description.ts';

export type DescribeBlobOptions = {
  /** Bytes of the stored blob, from the manifest. @default not known */
  readonly storedBytes?: number;
  /** The blob's `.blob.meta` file, when it came with the image or was kept. */
  readonly blobMeta?: Buffer;
  /** What an earlier description told as `digestSection`. */
  readonly digestSection?: Buffer;
  readonly signal?: AbortSignal;
};

/** Reads from the source what the options do not bring. Throws what rafs throws for bad tables. */
export async function describeBlob(
  bootstrap: Bootstrap,
  blobIndex: number,
  source: BlobSource,
  options: DescribeBlobOptions = {},
): Promise<BlobDescription> {
  const entry = bootstrap.blobs[blobIndex];
  if (entry === undefined) {
    throw new BlobLayoutError(String(blobIndex), 'the image has no blob of this number');
  }
  checkReadableFeatures(entry.features, `blob ${entry.blobId}`);
  const blobId = parseBlobId(entry.blobId);
  const read = readerOf(source, blobId, options);
  const meta = await readBlobMeta(entry, read, options.blobMeta);
  const chunks = columnsOf(meta);
  const unknown = takeDigests(bootstrap, blobIndex, blobId, chunks);
  const section = unknown.length === 0 ? undefined : await readDigests(entry, read, options);
  if (section !== undefined) completeFrom(section, chunks, unknown);
  return {
    blobId,
    storedBytes: options.storedBytes ?? 0,
    sizeBytes: entry.uncompressedSize,
    compressor: entry.compressor,
    digester: entry.digester,
    chunks,
    blobMeta: meta.toFile(),
    ...(section === undefined ? {} : { digestSection: section }),
    ...cipherKeyOf(entry),
  };
}

type Reader = (range: { offset: number; size: number }) => Promise<Buffer>;

function readerOf(source: BlobSource, blobId: BlobId, options: DescribeBlobOptions): Reader {
  const { storedBytes, signal } = options;
  const key = storedBytes === undefined ? { blobId } : { blobId, sizeBytes: storedBytes };
  const call = signal === undefined ? {} : { signal };
  return ({ offset, size }) => exactSource(source).read(key, offset, size, call);
}

async function readBlobMeta(
  entry: BlobTableEntry,
  read: Reader,
  file: Buffer | undefined,
): Promise<BlobMeta> {
  if (file !== undefined) return decodeBlobMetaFile(file, entry);
  return decodeStoredChunkInfo(await read(chunkInfoRange(entry)), entry);
}

/**
 * Old blobs have no digest section. When the chunk-info was brought along, the network may be away:
 * chunks that no file of the image refers to then stay unknown.
 */
async function readDigests(
  entry: BlobTableEntry,
  read: Reader,
  options: DescribeBlobOptions,
): Promise<Buffer | undefined> {
  const range = digestSectionRange(entry);
  if (range === undefined) return undefined;
  const { digestSection, blobMeta } = options;
  if (digestSection?.length === range.size) return digestSection;
  try {
    return await read(range);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (blobMeta === undefined) throw error;
    return undefined;
  }
}

function columnsOf(meta: BlobMeta): ChunkColumns {
  const count = meta.chunkCount;
  const columns = {
    count,
    storedOffset: new Float64Array(count),
    storedSize: new Uint32Array(count),
    offset: new Float64Array(count),
    size: new Uint32Array(count),
    unitSize: new Uint32Array(count),
    unitOffset: new Uint32Array(count),
    flags: new Uint8Array(count),
    digests: new Uint8Array(count * DIGEST_BYTES),
  };
  for (let index = 0; index < count; index++) {
    const { uncompressedOffset, uncompressedSize } = meta.chunk(index);
    const unit = meta.unit(index);
    columns.offset[index] = uncompressedOffset;
    columns.size[index] = uncompressedSize;
    columns.storedOffset[index] = unit.compressedOffset;
    columns.storedSize[index] = unit.compressedSize;
    columns.unitSize[index] = unit.uncompressedSize;
    columns.unitOffset[index] = unit.offsetInUnit;
    columns.flags[index] =
      (unit.isCompressed ? CHUNK_FLAG.compressed : 0) |
      (unit.isEncrypted ? CHUNK_FLAG.encrypted : 0) |
      (unit.batch === undefined ? 0 : CHUNK_FLAG.batch);
  }
  return columns;
}

/** Fills in the bootstrap's digests; the answer is the chunks it does not know. */
function takeDigests(
  bootstrap: Bootstrap,
  blobIndex: number,
  blobId: BlobId,
  chunks: ChunkColumns,
): number[] {
  const unknown: number[] = [];
  for (let index = 0; index < chunks.count; index++) {
    const record = bootstrap.chunkRecord(blobIndex, index);
    if (record === undefined) {
      unknown.push(index);
      continue;
    }
    const isSamePlace =
      record.uncompressedOffset === chunks.offset[index] &&
      record.uncompressedSize === chunks.size[index];
    if (!isSamePlace) {
      throw new BlobLayoutError(blobId, `its chunk ${index} lies elsewhere than the image says`);
    }
    chunks.digests.set(record.digest, index * DIGEST_BYTES);
  }
  return unknown;
}

function completeFrom(section: Buffer, chunks: ChunkColumns, unknown: readonly number[]): void {
  for (const index of unknown) {
    const at = index * DIGEST_BYTES;
    chunks.digests.set(section.subarray(at, at + DIGEST_BYTES), at);
  }
}

function cipherKeyOf(entry: BlobTableEntry): { readonly cipherKey?: CipherKey } {
  const { cipher } = entry;
  if (cipher === undefined) return {};
  return { cipherKey: { cipher: 'aes-128-xts', key: cipher.key, iv: cipher.iv } };
}
