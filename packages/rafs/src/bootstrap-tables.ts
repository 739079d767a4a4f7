/**
 * The tables of a bootstrap, found and checked when it is opened: devices, blobs, prefetch list,
 * chunk records. No table may reach outside the file or into another.
 */
import type { BlobTableEntry } from './blob-table-entry.ts';
import { BLOB_TABLE_ENTRY_SIZE, decodeBlobTableEntry } from './blob-table-entry.ts';
import { checkBlobTableEntry } from './check-blob-table-entry.ts';
import { CHUNK_RECORD_SIZE } from './chunk-record.ts';
import type { DeviceSlot } from './device-slot.ts';
import { DEVICE_SLOT_SIZE, decodeDeviceSlot } from './device-slot.ts';
import { RafsCorruptError, RafsLimitError } from './errors.ts';
import type { ExtendedSuperblock } from './extended-superblock.ts';
import { sliceExactly } from './integers.ts';
import { BLOCK_SIZE, DEVICE_TABLE_OFFSET } from './layout.ts';
import { BLOBS_MAX } from './limits.ts';
import { decodePrefetchTable, PREFETCH_ENTRY_SIZE } from './prefetch-table.ts';
import type { Superblock } from './superblock.ts';

export type BootstrapTables = {
  readonly deviceSlots: readonly DeviceSlot[];
  readonly blobs: readonly BlobTableEntry[];
  readonly prefetchNids: readonly number[];
  /** All records, `CHUNK_RECORD_SIZE` bytes each. */
  readonly chunkRecords: Buffer;
};

/** Throws a coded error for the first table that is out of place or holds nonsense. */
export function decodeTables(
  bytes: Buffer,
  superblock: Superblock,
  extended: ExtendedSuperblock,
): BootstrapTables {
  const places = tablePlaces(superblock, extended);
  checkPlaces(places, bytes.length);
  const deviceSlots = decodeDeviceSlots(bytes, superblock.extraDevices);
  const blobs = decodeBlobs(bytes, extended, deviceSlots);
  const { prefetch, chunks } = places;
  const prefetchTable = bytes.subarray(prefetch.offset, prefetch.offset + prefetch.size);
  return {
    deviceSlots,
    blobs,
    prefetchNids: decodePrefetchTable(prefetchTable),
    chunkRecords: bytes.subarray(chunks.offset, chunks.offset + chunks.size),
  };
}

type Place = {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  /** Size of one record. */
  readonly unit: number;
  readonly alignment: number;
};
type Places = { readonly blobs: Place; readonly prefetch: Place; readonly chunks: Place } & {
  readonly devices: Place;
};

function tablePlaces(superblock: Superblock, extended: ExtendedSuperblock): Places {
  // Old builders left an offset of 0 beside a size; nydusd reads that as "no table".
  const prefetchSize = extended.prefetchTableOffset === 0 ? 0 : extended.prefetchTableSize;
  return {
    devices: {
      name: 'device table',
      offset: DEVICE_TABLE_OFFSET,
      size: superblock.extraDevices * DEVICE_SLOT_SIZE,
      unit: DEVICE_SLOT_SIZE,
      alignment: DEVICE_SLOT_SIZE,
    },
    blobs: {
      name: 'blob table',
      offset: extended.blobTableOffset,
      size: extended.blobTableSize,
      unit: BLOB_TABLE_ENTRY_SIZE,
      alignment: BLOCK_SIZE,
    },
    prefetch: {
      name: 'prefetch table',
      offset: extended.prefetchTableOffset,
      size: prefetchSize,
      unit: PREFETCH_ENTRY_SIZE,
      alignment: PREFETCH_ENTRY_SIZE,
    },
    chunks: {
      name: 'chunk table',
      offset: extended.chunkTableOffset,
      size: extended.chunkTableSize,
      unit: CHUNK_RECORD_SIZE,
      alignment: BLOCK_SIZE,
    },
  };
}

function checkPlaces(places: Places, fileSize: number): void {
  const used = Object.values(places).filter(({ size }) => size > 0);
  for (const { name, offset, size, unit, alignment } of used) {
    if (size % unit !== 0) throw new RafsCorruptError(name, `${size} bytes are no whole records`);
    if (offset % alignment !== 0) throw new RafsCorruptError(name, `it starts at byte ${offset}`);
    if (offset + size > fileSize) throw new RafsCorruptError(name, 'it reaches outside the file');
  }
  const sorted = used.toSorted((a, b) => a.offset - b.offset);
  let end = DEVICE_TABLE_OFFSET;
  for (const { name, offset, size } of sorted) {
    if (offset < end) throw new RafsCorruptError(name, 'it overlaps another table');
    end = offset + size;
  }
}

function decodeDeviceSlots(bytes: Buffer, count: number): DeviceSlot[] {
  if (count > BLOBS_MAX) {
    throw new RafsLimitError(`the image has ${count} blobs, more than ${BLOBS_MAX}`);
  }
  const table = sliceExactly(bytes, DEVICE_TABLE_OFFSET, count * DEVICE_SLOT_SIZE, 'device table');
  const slots = Array.from({ length: count }, (_, index) =>
    decodeDeviceSlot(table, index * DEVICE_SLOT_SIZE),
  );
  const ids = new Set(slots.map(({ blobId }) => blobId));
  if (ids.size !== count) throw new RafsCorruptError('device table', 'two devices are the same');
  return slots;
}

function decodeBlobs(
  bytes: Buffer,
  extended: ExtendedSuperblock,
  slots: readonly DeviceSlot[],
): BlobTableEntry[] {
  const count = extended.blobTableSize / BLOB_TABLE_ENTRY_SIZE;
  if (count !== slots.length) {
    throw new RafsCorruptError('blob table', `${count} blobs but ${slots.length} devices`);
  }
  return slots.map((slot, index) => {
    const offset = extended.blobTableOffset + index * BLOB_TABLE_ENTRY_SIZE;
    const entry = decodeBlobTableEntry(bytes, offset);
    checkBlobTableEntry(entry, index, extended.chunkSize, slot);
    return entry;
  });
}
