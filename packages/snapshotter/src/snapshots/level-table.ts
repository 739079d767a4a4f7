/**
 * A table of LevelDB (`*.ldb`): whether it is as it was written, and the records that can be read when
 * it is not. Data blocks, filter, metaindex, index, each with its trailer, and the footer:
 *
 *   trailer    0   1  compression: 0 none, 1 snappy
 *              1   4  CRC-32C of the block and the byte before, masked
 *   footer     0      handle of the metaindex: varint64 offset, varint64 size
 *                     handle of the index, and zeros up to 40
 *             40   8  magic number
 */
import type { ChunkCrc } from '@shoal/blob-store';
import {
  BLOCK_TRAILER_SIZE,
  type BlockEntry,
  type BlockHandle,
  decodeEntries,
  readHandle,
} from './level-block.ts';
import { inOrder, isRecord, type TableRecord } from './level-records.ts';
import { decodeSnappy } from './snappy-block.ts';

export const BLOCK_TRAILER_FIELD = { compression: 0, crc: 1 } as const;
export const FOOTER_SIZE = 48;
export const FOOTER_FIELD = { handles: 0, magic: 40 } as const;
export const TABLE_MAGIC = 0xdb47_7524_8b80_fb57n;
const NONE = 0;
const SNAPPY = 1;
const CRC_MASK = 0xa282_ead8;
/** So many times the size of a table is looked at, whatever its index says. */
const LOOKS_MAX = 2;

export type TableState =
  /** Every byte that matters is as it was written. */
  | { readonly kind: 'right' }
  /** Nothing can be read of it. */
  | { readonly kind: 'lost'; readonly detail: string }
  /** These records can, in their order. */
  | { readonly kind: 'damaged'; readonly detail: string; readonly records: readonly TableRecord[] };

type Table = { readonly bytes: Buffer; readonly end: number; readonly crcOf: ChunkCrc };
type Block = BlockHandle & { readonly isRight: boolean };

/** Never throws, whatever the bytes are. */
export function examineTable(bytes: Buffer, crcOf: ChunkCrc): TableState {
  const table: Table = { bytes, end: bytes.length - FOOTER_SIZE, crcOf };
  const footer = decodeFooter(table);
  if (footer === undefined) return { kind: 'lost', detail: 'its footer is wrong' };
  const index = blockAt(table, footer.index);
  const named = entriesOf(table, index, (entry) => handleIn(entry) !== undefined);
  if (named.length === 0) return { kind: 'lost', detail: 'its index is wrong' };
  const blocks = blocksNamed(table, named);
  const right = blocks.filter(({ isRight }) => isRight);
  const wrongs = named.length - right.length;
  const problems = [
    ...(index.isRight ? [] : ['its index is wrong']),
    ...(wrongs === 0 ? [] : [`${wrongs} of its ${named.length} blocks are wrong`]),
    ...(isMetaRight(table, footer.metaindex) ? [] : ['its filter is wrong']),
  ];
  if (problems.length === 0) return { kind: 'right' };
  const records = inOrder(blocks.flatMap((block) => recordsOf(table, block)));
  if (records.length === 0) return { kind: 'lost', detail: 'none of its records can be read' };
  return { kind: 'damaged', detail: problems.join(', '), records };
}

type Footer = { readonly metaindex: BlockHandle; readonly index: BlockHandle };

function decodeFooter(table: Table): Footer | undefined {
  const { bytes, end } = table;
  if (end < 0) return undefined;
  if (bytes.readBigUInt64LE(end + FOOTER_FIELD.magic) !== TABLE_MAGIC) return undefined;
  const handles = bytes.subarray(end + FOOTER_FIELD.handles, end + FOOTER_FIELD.magic);
  const cursor = { bytes: handles, at: 0 };
  const metaindex = readHandle(cursor);
  const index = readHandle(cursor);
  if (metaindex === undefined || index === undefined) return undefined;
  return isInside(table, index) ? { metaindex, index } : undefined;
}

/** In the order of the file, those that are inside it. */
function blocksNamed(table: Table, named: readonly BlockEntry[]): readonly Block[] {
  let left = LOOKS_MAX * table.bytes.length;
  const blocks: Block[] = [];
  for (const entry of named) {
    const handle = handleIn(entry);
    if (handle === undefined || !isInside(table, handle) || handle.size > left) continue;
    left -= handle.size;
    blocks.push(blockAt(table, handle));
  }
  return blocks.toSorted((one, other) => one.offset - other.offset);
}

/** A filter that is wrong answers that records are not there. */
function isMetaRight(table: Table, metaindex: BlockHandle): boolean {
  if (!isInside(table, metaindex)) return false;
  const block = blockAt(table, metaindex);
  if (!block.isRight) return false;
  return entriesOf(table, block, () => true).every((entry) => {
    const handle = handleIn(entry);
    return handle !== undefined && isInside(table, handle) && blockAt(table, handle).isRight;
  });
}

function recordsOf(table: Table, block: Block): readonly TableRecord[] {
  return entriesOf(table, block, isRecord).map((entry) => ({ ...entry, isSure: block.isRight }));
}

/** The good entries. What is wrong in a block may be the byte that says how it is compressed. */
function entriesOf(
  table: Table,
  block: Block,
  isGood: (entry: BlockEntry) => boolean,
): readonly BlockEntry[] {
  const stated = table.bytes[compressionAt(block)] ?? NONE;
  let best: readonly BlockEntry[] = [];
  for (const compression of block.isRight ? [stated] : [stated, NONE, SNAPPY]) {
    const plain = plainOf(table, block, compression);
    const entries = plain === undefined ? [] : decodeEntries(plain).filter(isGood);
    if (entries.length > best.length) best = entries;
  }
  return best;
}

function plainOf({ bytes }: Table, block: Block, compression: number): Buffer | undefined {
  const stored = bytes.subarray(block.offset, block.offset + block.size);
  if (compression === NONE) return stored;
  return compression === SNAPPY ? decodeSnappy(stored) : undefined;
}

function handleIn({ value }: BlockEntry): BlockHandle | undefined {
  return readHandle({ bytes: value, at: 0 });
}

/** LevelDB takes memory of the size that it finds before it reads: an absurd one ends the process. */
function isInside({ end }: Table, block: BlockHandle): boolean {
  return block.offset + block.size + BLOCK_TRAILER_SIZE <= end;
}

function blockAt({ bytes, crcOf }: Table, handle: BlockHandle): Block {
  const trailer = handle.offset + handle.size;
  const stored = bytes.readUInt32LE(trailer + BLOCK_TRAILER_FIELD.crc);
  const isRight = stored === maskedCrc(crcOf(bytes.subarray(handle.offset, trailer + 1)));
  return { ...handle, isRight };
}

/** As it is stored, so that the checksum of bytes with checksums in them stays a good one. */
export function maskedCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + CRC_MASK) >>> 0;
}

/** Where in the table the compression of a block stands. */
export function compressionAt(block: BlockHandle): number {
  return block.offset + block.size + BLOCK_TRAILER_FIELD.compression;
}
