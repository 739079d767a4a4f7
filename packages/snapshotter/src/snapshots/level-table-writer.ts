/** A table of LevelDB from records, as it would write it without compression and filter. */
import type { ChunkCrc } from '@shoal/blob-store';
import {
  BLOCK_TRAILER_SIZE,
  type BlockEntry,
  type BlockHandle,
  encodeBlock,
  encodeHandle,
} from './level-block.ts';
import {
  BLOCK_TRAILER_FIELD,
  FOOTER_FIELD,
  FOOTER_SIZE,
  maskedCrc,
  TABLE_MAGIC,
} from './level-table.ts';

/** A block ends with the record that makes it this large. */
const BLOCK_SIZE = 4096;

/** The records are in their order. */
export function encodeTable(records: readonly BlockEntry[], crcOf: ChunkCrc): Buffer {
  const groups = groupsOf(records);
  const data = joinBlocks(groups.map(encodeBlock), 0, crcOf);
  const index = groups.map((group, at) => ({
    key: group.at(-1)?.key ?? Buffer.alloc(0),
    value: encodeHandle(data.handles[at] ?? { offset: 0, size: 0 }),
  }));
  const blocks = [encodeBlock([]), encodeBlock(index)];
  const { bytes, handles } = joinBlocks(blocks, data.bytes.length, crcOf);
  return Buffer.concat([data.bytes, bytes, encodeFooter(handles)]);
}

function groupsOf(records: readonly BlockEntry[]): BlockEntry[][] {
  const groups: BlockEntry[][] = [];
  let size = BLOCK_SIZE;
  for (const record of records) {
    if (size >= BLOCK_SIZE) {
      groups.push([]);
      size = 0;
    }
    groups.at(-1)?.push(record);
    size += record.key.length + record.value.length;
  }
  return groups;
}

type Joined = { readonly bytes: Buffer; readonly handles: readonly BlockHandle[] };

/** Blocks with their trailers, the first of them at `offset`. */
export function joinBlocks(blocks: readonly Buffer[], offset: number, crcOf: ChunkCrc): Joined {
  const handles: BlockHandle[] = [];
  let next = offset;
  const parts = blocks.flatMap((block) => {
    const trailer = Buffer.alloc(BLOCK_TRAILER_SIZE);
    const crc = maskedCrc(crcOf(Buffer.concat([block, trailer.subarray(0, 1)])));
    trailer.writeUInt32LE(crc, BLOCK_TRAILER_FIELD.crc);
    handles.push({ offset: next, size: block.length });
    next += block.length + trailer.length;
    return [block, trailer];
  });
  return { bytes: Buffer.concat(parts), handles };
}

/** Of the metaindex and the index. */
export function encodeFooter(handles: readonly BlockHandle[]): Buffer {
  const footer = Buffer.alloc(FOOTER_SIZE);
  footer.set(Buffer.concat(handles.map(encodeHandle)), FOOTER_FIELD.handles);
  footer.writeBigUInt64LE(TABLE_MAGIC, FOOTER_FIELD.magic);
  return footer;
}
