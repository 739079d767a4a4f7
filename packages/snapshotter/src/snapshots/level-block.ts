/**
 * The blocks of LevelDB's tables that name other blocks, uncompressed: the index of a table and its
 * metaindex. Entries one after the other, then where some of them start, then how many of those:
 *
 *   entry     varint32 shared, varint32 unshared, varint32 value length, unshared key bytes, value
 *   value     handle of a block: varint64 offset, varint64 size
 *   restarts  uint32 each, then uint32 their number
 */
import { type Cursor, readVarint } from './level-varint.ts';

export type BlockHandle = {
  readonly offset: number;
  /** Without the trailer. */
  readonly size: number;
};

/** Compression and checksum, after each block. */
export const BLOCK_TRAILER_SIZE = 5;

const U32_SIZE = 4;
const U32_MAX = 0xffff_ffff;

/**
 * The blocks that this one names, in the order of the file and apart from each other, all of them
 * below `end`; undefined when it is not such a block.
 */
export function decodeHandles(block: Buffer, end: number): readonly BlockHandle[] | undefined {
  if (block.length < U32_SIZE) return undefined;
  const restarts = block.readUInt32LE(block.length - U32_SIZE);
  const entriesEnd = block.length - U32_SIZE * (restarts + 1);
  if (entriesEnd < 0) return undefined;
  const cursor: Cursor = { bytes: block.subarray(0, entriesEnd), at: 0 };
  const handles: BlockHandle[] = [];
  let free = 0;
  while (cursor.at < entriesEnd) {
    const handle = readEntry(cursor);
    if (handle === undefined || handle.offset < free) return undefined;
    free = handle.offset + handle.size + BLOCK_TRAILER_SIZE;
    if (free > end) return undefined;
    handles.push(handle);
  }
  return handles;
}

function readEntry(cursor: Cursor): BlockHandle | undefined {
  const shared = readVarint(cursor);
  const unshared = readVarint(cursor);
  const valueSize = readVarint(cursor);
  if (shared === undefined || unshared === undefined || valueSize === undefined) return undefined;
  if (Math.max(shared, unshared, valueSize) > U32_MAX) return undefined;
  const from = cursor.at + unshared;
  const to = from + valueSize;
  if (to > cursor.bytes.length) return undefined;
  cursor.at = to;
  return readHandle({ bytes: cursor.bytes.subarray(from, to), at: 0 });
}

export function readHandle(cursor: Cursor): BlockHandle | undefined {
  const offset = readVarint(cursor);
  const size = readVarint(cursor);
  return offset === undefined || size === undefined ? undefined : { offset, size };
}
