/**
 * A table of LevelDB (`*.ldb`), as far as one has to know it to say which of its blocks are as they
 * were written. Data blocks, filter, metaindex, index, each with its trailer, and the footer:
 *
 *   trailer    0   1  compression: 0 none, 1 snappy
 *              1   4  CRC-32C of the block and the byte before, masked
 *   footer     0      handle of the metaindex: varint64 offset, varint64 size
 *                     handle of the index, and zeros up to 40
 *             40   8  magic number
 */
import type { ChunkCrc } from '@shoal/blob-store';
import { BLOCK_TRAILER_SIZE, type BlockHandle, decodeHandles, readHandle } from './level-block.ts';
import { decodeSnappy } from './snappy-block.ts';

export const BLOCK_TRAILER_FIELD = { compression: 0, crc: 1 } as const;
export const FOOTER_SIZE = 48;
export const FOOTER_FIELD = { handles: 0, magic: 40 } as const;
export const TABLE_MAGIC = 0xdb47_7524_8b80_fb57n;
const SNAPPY = 1;
const CRC_MASK = 0xa282_ead8;

export type TableState =
  /** Nothing can be read of it. */
  | { readonly kind: 'lost'; readonly detail: string }
  /** Something can; blocks that cannot are `wrong`. */
  | { readonly kind: 'readable'; readonly wrong: readonly BlockHandle[] };

type Table = { readonly bytes: Buffer; readonly end: number; readonly crcOf: ChunkCrc };

/** Never throws, whatever the bytes are. */
export function examineTable(bytes: Buffer, crcOf: ChunkCrc): TableState {
  const table: Table = { bytes, end: bytes.length - FOOTER_SIZE, crcOf };
  const footer = decodeFooter(table);
  if (footer === undefined) return { kind: 'lost', detail: 'its footer is wrong' };
  if (!isRight(table, footer.index)) return { kind: 'lost', detail: 'its index is wrong' };
  const data = handlesIn(table, footer.index);
  if (data === undefined) return { kind: 'lost', detail: 'its index is none' };
  const wrong = data.filter((handle) => !isRight(table, handle));
  if (wrong.length === data.length) return { kind: 'lost', detail: 'none of its blocks is right' };
  const { metaindex, index } = footer;
  const isBehind = data.every((handle) => endOf(handle) <= metaindex.offset);
  // Anywhere else it is the footer that is wrong, and what lies there may be a record.
  const hasMeta = isBehind && endOf(metaindex) <= index.offset;
  if (!hasMeta) return { kind: 'readable', wrong };
  return { kind: 'readable', wrong: [...wrong, ...wrongMetaBlocks(table, metaindex)] };
}

type Footer = { readonly metaindex: BlockHandle; readonly index: BlockHandle };

function decodeFooter({ bytes, end }: Table): Footer | undefined {
  if (end < 0) return undefined;
  if (bytes.readBigUInt64LE(end + FOOTER_FIELD.magic) !== TABLE_MAGIC) return undefined;
  const handles = bytes.subarray(end + FOOTER_FIELD.handles, end + FOOTER_FIELD.magic);
  const cursor = { bytes: handles, at: 0 };
  const metaindex = readHandle(cursor);
  const index = readHandle(cursor);
  if (metaindex === undefined || index === undefined) return undefined;
  // LevelDB takes memory of the size that it finds before it reads: an absurd one ends the process.
  const isInside = [metaindex, index].every((handle) => endOf(handle) <= end);
  return isInside ? { metaindex, index } : undefined;
}

/** A filter that is wrong answers that records are not there. */
function wrongMetaBlocks(table: Table, metaindex: BlockHandle): readonly BlockHandle[] {
  if (!isRight(table, metaindex)) return [metaindex];
  const handles = handlesIn(table, metaindex);
  return handles === undefined ? [metaindex] : handles.filter((handle) => !isRight(table, handle));
}

function handlesIn({ bytes, end }: Table, block: BlockHandle): readonly BlockHandle[] | undefined {
  const stored = bytes.subarray(block.offset, block.offset + block.size);
  const isCompressed = bytes[compressionAt(block)] === SNAPPY;
  const plain = isCompressed ? decodeSnappy(stored) : stored;
  return plain === undefined ? undefined : decodeHandles(plain, end);
}

function isRight({ bytes, crcOf }: Table, block: BlockHandle): boolean {
  const trailer = block.offset + block.size;
  const stored = bytes.readUInt32LE(trailer + BLOCK_TRAILER_FIELD.crc);
  return stored === maskedCrc(crcOf(bytes.subarray(block.offset, trailer + 1)));
}

/** As it is stored, so that the checksum of bytes with checksums in them stays a good one. */
export function maskedCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + CRC_MASK) >>> 0;
}

/** Where in the table the compression of a block stands. */
export function compressionAt(block: BlockHandle): number {
  return block.offset + block.size + BLOCK_TRAILER_FIELD.compression;
}

function endOf(block: BlockHandle): number {
  return block.offset + block.size + BLOCK_TRAILER_SIZE;
}
