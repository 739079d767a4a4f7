/**
 * A converted layer as the build cache stores it. Decoding restores exactly what converting the
 * layer again would give, provided the layers below are the same, which the cache's keys see to.
 *
 * One zstd frame of, little endian: u32 magic, u32 version, the counts of `HEAD` as f64, the digests
 * of the blob and of its data (zeros without a blob), the layer's entries, u32 per chunk number,
 * then for each stored chunk 32 bytes digest, u32 size, u32 stored size. Version 3 ends with the hashes
 * of the blob's pieces: u32 length of a piece, 20 bytes for each. Both versions are read and written:
 * 2 when it was written without torrents.
 */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Descriptor } from '@shoal/oci';
import { digestHex, MediaType, parseDigest } from '@shoal/oci';
import { CHUNKS_PER_BLOB_MAX } from '@shoal/rafs';
import type { BlobLayout } from '../blob/blob-layout.ts';
import type { ChunkIndex } from '../chunk/chunk-index.ts';
import { DIGEST_SIZE } from '../chunk/chunk-index.ts';
import { LayerRecordError } from '../errors.ts';
import type { LayerUnit } from '../layer/layer-unit.ts';
import { CACHE_RECORD_BYTES_MAX } from '../limits.ts';
import type { PieceHashes } from '../torrent/piece-hashes.ts';
import { pieceHashesSize } from '../torrent/piece-hashes.ts';

const MAGIC = 0x4c4c4853;
const VERSION = 2;
const VERSION_WITH_PIECES = 3;
const HEAD = [
  'entryBytes',
  'entryCount',
  'fileBytes',
  'chunkNumbers',
  'dedupedChunks',
  'dedupedBytes',
  'dictBytes',
  'blobChunks',
  'blobSize',
  /** How many of the blob's chunks, its last ones, are first reads. */
  'firstReadChunks',
] as const;
const HEAD_OFFSET = 8;
const DIGEST_OFFSET = HEAD_OFFSET + 8 * HEAD.length;
const DATA_DIGEST_OFFSET = DIGEST_OFFSET + DIGEST_SIZE;
const BODY_OFFSET = DATA_DIGEST_OFFSET + DIGEST_SIZE;
const CHUNK_SIZE = DIGEST_SIZE + 8;

type Head = Record<(typeof HEAD)[number], number>;

/** The record's stored bytes; undefined when the layer is too large to be worth keeping. */
export function encodeLayerRecord(unit: LayerUnit, index: ChunkIndex): Buffer | undefined {
  const { blob, entries, chunkNumbers } = unit;
  const blobChunks = blob?.chunkCount ?? 0;
  const pieces = blob?.pieces === undefined ? Buffer.alloc(0) : encodePieces(blob.pieces);
  const bodySize = entries.length + chunkNumbers.byteLength + blobChunks * CHUNK_SIZE;
  const size = BODY_OFFSET + bodySize + pieces.length;
  if (size > CACHE_RECORD_BYTES_MAX) return undefined;
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeUInt32LE(pieces.length === 0 ? VERSION : VERSION_WITH_PIECES, 4);
  const head: Head = {
    ...unit,
    entryBytes: entries.length,
    chunkNumbers: chunkNumbers.length,
    blobChunks,
    blobSize: blob?.descriptor.size ?? 0,
    firstReadChunks: blob?.firstReadChunks ?? 0,
  };
  for (const [position, name] of HEAD.entries()) {
    bytes.writeDoubleLE(head[name], HEAD_OFFSET + position * 8);
  }
  if (blob !== undefined) bytes.write(digestHex(blob.descriptor.digest), DIGEST_OFFSET, 'hex');
  blob?.end.dataDigest.copy(bytes, DATA_DIGEST_OFFSET);
  entries.copy(bytes, BODY_OFFSET);
  let at = BODY_OFFSET + entries.length;
  for (const number of chunkNumbers) at = bytes.writeUInt32LE(number, at);
  for (let number = blob?.firstChunk ?? 0, left = blobChunks; left > 0; number++, left--) {
    at += index.digest(number).copy(bytes, at);
    at = bytes.writeUInt32LE(index.sizeOf(number), at);
    at = bytes.writeUInt32LE(index.place(number).storedSize, at);
  }
  pieces.copy(bytes, at);
  return zstdCompressSync(bytes);
}

/**
 * The layer, its chunks added to the index as converting it would have; undefined when its blob
 * is gone. Throws `LayerRecordError`. In both cases nothing was added.
 */
export async function decodeLayerRecord(
  stored: Buffer,
  index: ChunkIndex,
  layout: BlobLayout,
  hasBlob: (descriptor: Descriptor) => Promise<boolean>,
): Promise<LayerUnit | undefined> {
  const bytes = decompress(stored);
  const head = decodeHead(bytes);
  const entriesEnd = BODY_OFFSET + head.entryBytes;
  const numbersEnd = entriesEnd + head.chunkNumbers * 4;
  const chunksEnd = numbersEnd + head.blobChunks * CHUNK_SIZE;
  if (chunksEnd > bytes.length) throw new LayerRecordError('its length is wrong');
  const pieces = decodePieces(bytes.subarray(chunksEnd), versionOf(bytes), head.blobSize);
  const numbers = bytes.subarray(entriesEnd, numbersEnd);
  const chunkNumbers = decodeNumbers(numbers, index.count + head.blobChunks);
  const chunks = bytes.subarray(numbersEnd, chunksEnd);
  checkChunks(chunks, index);
  const unit = {
    entries: bytes.subarray(BODY_OFFSET, entriesEnd),
    entryCount: head.entryCount,
    fileBytes: head.fileBytes,
    chunkNumbers,
    dedupedChunks: head.dedupedChunks,
    dedupedBytes: head.dedupedBytes,
    dictBytes: head.dictBytes,
  };
  if (head.blobChunks === 0) return { ...unit, blob: undefined };
  const digest = parseDigest(`sha256:${bytes.toString('hex', DIGEST_OFFSET, DATA_DIGEST_OFFSET)}`);
  const descriptor = { digest, size: head.blobSize, mediaType: MediaType.nydusBlob };
  if (!(await hasBlob(descriptor))) return undefined;
  addChunks(chunks, layout, head.blobChunks - head.firstReadChunks);
  const end = layout.encodeEnd(Buffer.from(bytes.subarray(DATA_DIGEST_OFFSET, BODY_OFFSET)));
  return { ...unit, blob: { ...layout.toBlob(descriptor, end), pieces } };
}

function encodePieces({ pieceBytes, hashes }: PieceHashes): Buffer {
  const bytes = Buffer.alloc(4 + hashes.length);
  bytes.writeUInt32LE(pieceBytes, 0);
  hashes.copy(bytes, 4);
  return bytes;
}

/** What follows the chunks: nothing in version 2. */
function decodePieces(bytes: Buffer, version: number, blobBytes: number): PieceHashes | undefined {
  if (version === VERSION && bytes.length === 0) return undefined;
  const pieceBytes = version === VERSION || bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  const hashes = Buffer.from(bytes.subarray(4));
  if (pieceBytes === 0 || hashes.length !== pieceHashesSize(blobBytes, pieceBytes)) {
    throw new LayerRecordError('its length is wrong');
  }
  return { pieceBytes, hashes };
}

/** `count`: how many chunks there are to refer to. */
function decodeNumbers(bytes: Buffer, count: number): Uint32Array {
  const numbers = new Uint32Array(bytes.length / 4);
  for (const position of numbers.keys()) {
    const number = bytes.readUInt32LE(position * 4);
    if (number >= count) throw new LayerRecordError('unknown chunk');
    numbers[position] = number;
  }
  return numbers;
}

function addChunks(chunks: Buffer, layout: BlobLayout, firstRead: number): void {
  for (let at = 0; at < chunks.length; at += CHUNK_SIZE) {
    if (at === firstRead * CHUNK_SIZE) layout.startFirstReads();
    const size = chunks.readUInt32LE(at + DIGEST_SIZE);
    layout.add(chunks, at, size, chunks.readUInt32LE(at + DIGEST_SIZE + 4));
  }
}

function decompress(stored: Buffer): Buffer {
  try {
    return zstdDecompressSync(stored, { maxOutputLength: CACHE_RECORD_BYTES_MAX });
  } catch (error) {
    throw new LayerRecordError(error instanceof Error ? error.message : 'it does not decompress');
  }
}

function versionOf(bytes: Buffer): number {
  return bytes.readUInt32LE(4);
}

function decodeHead(bytes: Buffer): Head {
  const isOurs =
    bytes.length >= BODY_OFFSET &&
    bytes.readUInt32LE(0) === MAGIC &&
    [VERSION, VERSION_WITH_PIECES].includes(versionOf(bytes));
  if (!isOurs) throw new LayerRecordError('it is of another kind or version');
  const read = (name: keyof Head) => {
    const value = bytes.readDoubleLE(HEAD_OFFSET + HEAD.indexOf(name) * 8);
    if (!Number.isSafeInteger(value) || value < 0) throw new LayerRecordError(`wrong ${name}`);
    return value;
  };
  const head: Head = {
    entryBytes: read('entryBytes'),
    entryCount: read('entryCount'),
    fileBytes: read('fileBytes'),
    chunkNumbers: read('chunkNumbers'),
    dedupedChunks: read('dedupedChunks'),
    dedupedBytes: read('dedupedBytes'),
    dictBytes: read('dictBytes'),
    blobChunks: read('blobChunks'),
    blobSize: read('blobSize'),
    firstReadChunks: read('firstReadChunks'),
  };
  const isBounded =
    head.chunkNumbers * 4 <= bytes.length &&
    head.blobChunks <= CHUNKS_PER_BLOB_MAX &&
    head.firstReadChunks <= head.blobChunks;
  if (!isBounded) throw new LayerRecordError('it has too many chunks');
  return head;
}

/** Stored chunks are new ones: none may be known below, none empty. */
function checkChunks(chunks: Buffer, index: ChunkIndex): void {
  for (let at = 0; at < chunks.length; at += CHUNK_SIZE) {
    const size = chunks.readUInt32LE(at + DIGEST_SIZE);
    const storedSize = chunks.readUInt32LE(at + DIGEST_SIZE + 4);
    if (size === 0 || storedSize === 0 || storedSize > size) {
      throw new LayerRecordError('a chunk of a wrong size');
    }
    if (index.find(chunks, at, size) !== undefined) {
      throw new LayerRecordError('it does not fit the layers below');
    }
  }
}
