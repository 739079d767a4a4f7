/**
 * Device slot, 128 bytes each from 1408 (docs/format.md, "Device slots"): what the kernel knows of a
 * blob. Slots are in the order of the blob table; the EROFS device id is the index plus one.
 */
import { BLOB_ID_SIZE, decodeBlobId, encodeBlobId } from './blob-id.ts';
import { RafsCorruptError } from './errors.ts';
import { roundUp } from './integers.ts';
import { BLOCK_SIZE } from './layout.ts';

export const DEVICE_SLOT_SIZE = 128;
/** Blobs of a flattened disk start at multiples of this many bytes. */
export const MAPPED_ALIGNMENT = 0x8_0000;

export const DEVICE_SLOT_FIELD = {
  blobId: 0,
  blocks: 64,
  mappedBlockAddress: 68,
  reserved: 72,
} as const;
const AT = DEVICE_SLOT_FIELD;
const WHERE = 'device slot';

export type DeviceSlot = {
  readonly blobId: string;
  /** 4 KiB blocks of the uncompressed blob; never 0. */
  readonly blocks: number;
  /** First block of this blob when bootstrap and blobs are one flat disk; 0 when unknown. */
  readonly mappedBlockAddress: number;
};

export function encodeDeviceSlot(slot: DeviceSlot, bytes: Buffer, offset: number): void {
  encodeBlobId(slot.blobId, bytes, offset + AT.blobId);
  bytes.writeUInt32LE(slot.blocks, offset + AT.blocks);
  bytes.writeUInt32LE(slot.mappedBlockAddress, offset + AT.mappedBlockAddress);
}

/** Reads 128 bytes at `offset`. */
export function decodeDeviceSlot(bytes: Buffer, offset: number): DeviceSlot {
  const blocks = bytes.readUInt32LE(offset + AT.blocks);
  if (blocks === 0) throw new RafsCorruptError(WHERE, 'the device has no blocks');
  return {
    blobId: decodeBlobId(bytes.subarray(offset, offset + BLOB_ID_SIZE), WHERE),
    blocks,
    mappedBlockAddress: bytes.readUInt32LE(offset + AT.mappedBlockAddress),
  };
}

/**
 * Where each device starts on a flattened disk, in blocks: after the bootstrap, in order, each at a
 * multiple of 512 KiB. May pass 2^32, which is for the caller to refuse.
 */
export function mappedBlockAddresses(
  bootstrapBytes: number,
  deviceBlocks: readonly number[],
): number[] {
  let position = bootstrapBytes;
  return deviceBlocks.map((blocks) => {
    const start = roundUp(position, MAPPED_ALIGNMENT);
    position = start + blocks * BLOCK_SIZE;
    return start / BLOCK_SIZE;
  });
}
