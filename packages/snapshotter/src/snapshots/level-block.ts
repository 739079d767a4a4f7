/**
 * The blocks of LevelDB's tables, uncompressed: records, or in the index and the metaindex handles of
 * other blocks. Entries one after the other, then where some of them start, then how many of those:
 *
 *   entry     varint32 shared, varint32 unshared, varint32 value length, unshared key bytes, value
 *   handle    a value that says where a block is: varint64 offset, varint64 size
 *   restarts  uint32 each, of entries that share nothing, then uint32 their number
 */
import { type Cursor, encodeVarint, readVarint } from './level-varint.ts';

export type BlockEntry = { readonly key: Buffer; readonly value: Buffer };

export type BlockHandle = {
  readonly offset: number;
  /** Without the trailer. */
  readonly size: number;
};

/** Compression and checksum, after each block. */
export const BLOCK_TRAILER_SIZE = 5;

const U32_SIZE = 4;
const U32_MAX = 0xffff_ffff;

/** The entries until the first that cannot be read, whatever the bytes are. */
export function decodeEntries(block: Buffer): readonly BlockEntry[] {
  if (block.length < U32_SIZE) return [];
  const restarts = block.readUInt32LE(block.length - U32_SIZE);
  const entriesEnd = block.length - U32_SIZE * (restarts + 1);
  const cursor: Cursor = { bytes: block, at: 0 };
  const entries: BlockEntry[] = [];
  while (cursor.at < entriesEnd) {
    const entry = readEntry(block, cursor, entriesEnd, entries.at(-1)?.key);
    if (entry === undefined) break;
    entries.push(entry);
  }
  return entries;
}

function readEntry(
  block: Buffer,
  cursor: Cursor,
  end: number,
  before: Buffer = Buffer.alloc(0),
): BlockEntry | undefined {
  const shared = readVarint(cursor);
  const unshared = readVarint(cursor);
  const valueSize = readVarint(cursor);
  if (shared === undefined || unshared === undefined || valueSize === undefined) return undefined;
  if (Math.max(unshared, valueSize) > U32_MAX || shared > before.length) return undefined;
  const keyEnd = cursor.at + unshared;
  const valueEnd = keyEnd + valueSize;
  if (valueEnd > end) return undefined;
  const key = Buffer.concat([before.subarray(0, shared), block.subarray(cursor.at, keyEnd)]);
  cursor.at = valueEnd;
  return { key, value: block.subarray(keyEnd, valueEnd) };
}

/** Every entry with its whole key. */
export function encodeBlock(entries: readonly BlockEntry[]): Buffer {
  const parts: Buffer[] = [];
  const restarts: number[] = [];
  let offset = 0;
  for (const { key, value } of entries) {
    const sizes = [0, key.length, value.length].flatMap(encodeVarint);
    restarts.push(offset);
    parts.push(Buffer.from(sizes), key, value);
    offset += sizes.length + key.length + value.length;
  }
  // One at least: a block without is an error to some readers.
  if (restarts.length === 0) restarts.push(0);
  return Buffer.concat([
    ...parts,
    Buffer.from(Uint32Array.from([...restarts, restarts.length]).buffer),
  ]);
}

export function readHandle(cursor: Cursor): BlockHandle | undefined {
  const offset = readVarint(cursor);
  const size = readVarint(cursor);
  return offset === undefined || size === undefined ? undefined : { offset, size };
}

export function encodeHandle({ offset, size }: BlockHandle): Buffer {
  return Buffer.from([offset, size].flatMap(encodeVarint));
}
