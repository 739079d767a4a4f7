/**
 * Writes a whole bootstrap (docs/format.md, "Bootstrap") into one buffer: the tree is planned, the
 * size is known, everything is written in place. Equal input gives equal bytes.
 */
import { BLOB_TABLE_ENTRY_SIZE, encodeBlobTableEntry } from '../blob-table-entry.ts';
import { checkBlobTableEntry } from '../check-blob-table-entry.ts';
import { CHUNK_RECORD_SIZE } from '../chunk-record.ts';
import type { DeviceSlot } from '../device-slot.ts';
import { DEVICE_SLOT_SIZE, encodeDeviceSlot, mappedBlockAddresses } from '../device-slot.ts';
import { RafsInputError, RafsLimitError } from '../errors.ts';
import { encodeExtendedSuperblock, isChunkSize, rafsFlags } from '../extended-superblock.ts';
import { roundUp } from '../integers.ts';
import {
  BLOCK_SIZE,
  DEVICE_TABLE_OFFSET,
  EXTENDED_SUPERBLOCK_OFFSET,
  ROOT_NID,
  SUPERBLOCK_OFFSET,
} from '../layout.ts';
import { BLOBS_MAX, BOOTSTRAP_BYTES_MAX } from '../limits.ts';
import { encodePrefetchTable, PREFETCH_ENTRY_SIZE } from '../prefetch-table.ts';
import { encodeSuperblock } from '../superblock.ts';
import type { BootstrapInput } from './bootstrap-input.ts';
import type { ChunkTablePlan } from './chunk-table.ts';
import { encodeChunkTable, planChunkTable } from './chunk-table.ts';
import { encodeTree } from './encode-tree.ts';
import type { TreePlan } from './tree-plan.ts';
import { planTree } from './tree-plan.ts';

const U32_MAX = 0xffff_ffff;

/** Throws ERR_RAFS_INPUT for input the format cannot hold, ERR_RAFS_LIMIT for too much of it. */
export function encodeBootstrap(input: BootstrapInput): Buffer {
  const { chunkSize, blobs, chunks } = input;
  if (!isChunkSize(chunkSize)) {
    throw new RafsInputError(`chunk size ${chunkSize} is no power of two from 4 KiB to 16 MiB`);
  }
  if (blobs.length > BLOBS_MAX) {
    throw new RafsLimitError(`the image needs ${blobs.length} blobs, more than ${BLOBS_MAX}`, {
      remedy: 'squash layers or use fewer chunk dictionaries',
    });
  }
  const tree = planTree(input.root, {
    chunkSize,
    sharesSpecial: input.shareSpecialInodes ?? true,
  });
  const table = planChunkTable(tree.inodes, chunks, chunkSize);
  const prefetch = prefetchNids(input, tree);
  const places = placeSections(tree, table, blobs.length, prefetch.length);
  const bytes = Buffer.alloc(places.size);
  encodeSuperblocks(input, tree, table, places, bytes);
  encodeBlobs(input, bytes, places);
  encodePrefetchTable(prefetch, bytes, places.prefetch);
  encodeTree(tree, { bytes, metaOffset: places.meta, chunkSize, chunks });
  encodeChunkTable(table, chunks, blobs, bytes, places.chunkTable);
  return bytes;
}

/** Byte offsets of the sections and the size of the file. */
type Places = {
  readonly blobTable: number;
  readonly prefetch: number;
  readonly prefetchSize: number;
  readonly meta: number;
  readonly chunkTable: number;
  readonly size: number;
};

function placeSections(
  tree: TreePlan,
  table: ChunkTablePlan,
  blobCount: number,
  prefetchCount: number,
): Places {
  const blobTable = roundUp(DEVICE_TABLE_OFFSET + blobCount * DEVICE_SLOT_SIZE, BLOCK_SIZE);
  const prefetch = blobTable + blobCount * BLOB_TABLE_ENTRY_SIZE;
  const prefetchSize = prefetchCount * PREFETCH_ENTRY_SIZE;
  const meta = blobCount === 0 ? 0 : roundUp(prefetch + prefetchSize, BLOCK_SIZE);
  const chunkTable = meta + tree.inodeBytes + tree.dataBlockCount * BLOCK_SIZE;
  const size = roundUp(chunkTable + table.order.length * CHUNK_RECORD_SIZE, BLOCK_SIZE);
  if (size > BOOTSTRAP_BYTES_MAX) {
    throw new RafsLimitError(`the image's metadata takes ${size} bytes`, {
      remedy: `the format allows ${BOOTSTRAP_BYTES_MAX}: use a larger --chunk-size`,
    });
  }
  return { blobTable, prefetch, prefetchSize, meta, chunkTable, size };
}

function encodeSuperblocks(
  input: BootstrapInput,
  tree: TreePlan,
  table: ChunkTablePlan,
  places: Places,
  bytes: Buffer,
): void {
  const blocks = input.blobs.reduce((sum, blob) => sum + blob.uncompressedSize / BLOCK_SIZE, 0);
  const superblock = encodeSuperblock({
    rootNid: ROOT_NID,
    inodeCount: tree.inodes.length,
    blocks: checkU32(blocks, 'data'),
    metaBlockAddress: places.meta / BLOCK_SIZE,
    extraDevices: input.blobs.length,
  });
  superblock.copy(bytes, SUPERBLOCK_OFFSET);
  const extended = encodeExtendedSuperblock({
    flags: rafsFlags({
      compressor: input.compressor,
      digester: input.digester,
      hasXattrs: tree.hasXattrs,
      hasInlinedDigests: input.hasInlinedDigests,
      isEncrypted: input.blobs.some(({ cipher }) => cipher !== undefined),
    }),
    chunkSize: input.chunkSize,
    blobTableOffset: places.blobTable,
    blobTableSize: input.blobs.length * BLOB_TABLE_ENTRY_SIZE,
    chunkTableOffset: places.chunkTable,
    chunkTableSize: table.order.length * CHUNK_RECORD_SIZE,
    prefetchTableOffset: places.prefetchSize === 0 ? 0 : places.prefetch,
    prefetchTableSize: places.prefetchSize,
  });
  extended.copy(bytes, EXTENDED_SUPERBLOCK_OFFSET);
}

function encodeBlobs(input: BootstrapInput, bytes: Buffer, places: Places): void {
  const blocks = input.blobs.map((blob) => blob.uncompressedSize / BLOCK_SIZE);
  const mapped = mappedBlockAddresses(places.size, blocks);
  for (const [index, blob] of input.blobs.entries()) {
    const slot: DeviceSlot = {
      blobId: blob.blobId,
      blocks: blocks[index] ?? 0,
      mappedBlockAddress: checkU32(mapped[index] ?? 0, 'data'),
    };
    checkBlobTableEntry(blob, index, input.chunkSize, slot);
    encodeDeviceSlot(slot, bytes, DEVICE_TABLE_OFFSET + index * DEVICE_SLOT_SIZE);
    encodeBlobTableEntry(blob, bytes, places.blobTable + index * BLOB_TABLE_ENTRY_SIZE);
  }
}

function prefetchNids(input: BootstrapInput, tree: TreePlan): number[] {
  if (input.blobs.length === 0) return [];
  return (input.prefetch ?? []).map((inode) => {
    const number = tree.numbers.get(inode);
    const nid = number === undefined ? undefined : tree.nids[number];
    if (nid === undefined) throw new RafsInputError('an object to prefetch is not in the tree');
    // Nids in the file count from the metadata area, as they do here.
    return nid;
  });
}

function checkU32(blocks: number, what: string): number {
  if (blocks <= U32_MAX) return blocks;
  throw new RafsLimitError(`the image holds more than 16 TiB of ${what}`, {
    remedy: 'split the image',
  });
}
