/**
 * EROFS superblock, 128 bytes at 1024 (docs/format.md, "Superblock"). nydusd wants most fields at
 * exact values, which is why nothing newer of EROFS can appear in a RAFS v6 image.
 */
import { RafsCorruptError, RafsUnsupportedError } from './errors.ts';
import { readU64, writeU64 } from './integers.ts';
import { BLOCK_SIZE_BITS, DEVICE_TABLE_OFFSET } from './layout.ts';

export const SUPERBLOCK_SIZE = 128;
export const EROFS_MAGIC = 0xe0f5_e1e2;
/** Compatible feature of RAFS v6; the kernel ignores it. */
export const COMPAT_RAFS_V6 = 0x4000_0000;
const COMPAT_CHECKSUM = 0x1;
/** Chunked files and a device table. */
export const INCOMPAT_EXACT = 0x0c;
const DEVICE_TABLE_SLOT = DEVICE_TABLE_OFFSET / 128;
const TARFS_BLOCK_BITS = 9;

export const SUPERBLOCK_FIELD = {
  magic: 0,
  checksum: 4,
  featureCompat: 8,
  blockSizeBits: 12,
  extensionSlots: 13,
  rootNid: 14,
  inodeCount: 16,
  buildTime: 24,
  buildTimeNanoseconds: 32,
  blocks: 36,
  metaBlockAddress: 40,
  xattrBlockAddress: 44,
  uuid: 48,
  volumeName: 64,
  featureIncompat: 80,
  compression: 84,
  extraDevices: 86,
  deviceTableSlot: 88,
  reserved: 90,
} as const;
const AT = SUPERBLOCK_FIELD;
const WHERE = 'superblock';

export type Superblock = {
  readonly rootNid: number;
  /** Inodes of the image, as statfs reports them; never 0. */
  readonly inodeCount: number;
  /** Blocks of all devices together. */
  readonly blocks: number;
  /** Block where the metadata area starts; a nid counts from there. */
  readonly metaBlockAddress: number;
  /** Number of devices, one a blob. */
  readonly extraDevices: number;
};

/** The 128 bytes of a superblock. */
export function encodeSuperblock(superblock: Superblock): Buffer {
  const bytes = Buffer.alloc(SUPERBLOCK_SIZE);
  bytes.writeUInt32LE(EROFS_MAGIC, AT.magic);
  bytes.writeUInt32LE(COMPAT_RAFS_V6, AT.featureCompat);
  bytes.writeUInt8(BLOCK_SIZE_BITS, AT.blockSizeBits);
  bytes.writeUInt16LE(superblock.rootNid, AT.rootNid);
  writeU64(bytes, superblock.inodeCount, AT.inodeCount);
  bytes.writeUInt32LE(superblock.blocks, AT.blocks);
  bytes.writeUInt32LE(superblock.metaBlockAddress, AT.metaBlockAddress);
  bytes.writeUInt32LE(INCOMPAT_EXACT, AT.featureIncompat);
  bytes.writeUInt16LE(superblock.extraDevices, AT.extraDevices);
  bytes.writeUInt16LE(DEVICE_TABLE_SLOT, AT.deviceTableSlot);
  return bytes;
}

/** Reads 128 bytes; throws ERR_RAFS_CORRUPT, or ERR_RAFS_UNSUPPORTED for tarfs and newer EROFS. */
export function decodeSuperblock(bytes: Buffer): Superblock {
  checkFeatures(bytes);
  for (const [name, offset, width] of ZERO_FIELDS) {
    if (bytes.readUIntLE(offset, width) !== 0) {
      throw new RafsCorruptError(WHERE, `${name} must be 0`);
    }
  }
  // Newer kernels read layout changes there, without asking for a feature bit.
  if (bytes.subarray(AT.reserved, SUPERBLOCK_SIZE).some((byte) => byte !== 0)) {
    throw new RafsUnsupportedError(WHERE, 'reserved bytes are set');
  }
  if (bytes.readUInt16LE(AT.deviceTableSlot) !== DEVICE_TABLE_SLOT) {
    throw new RafsCorruptError(WHERE, `the device table must start at byte ${DEVICE_TABLE_OFFSET}`);
  }
  const inodeCount = readU64(bytes, AT.inodeCount, WHERE);
  if (inodeCount === 0) throw new RafsCorruptError(WHERE, 'the number of inodes is 0');
  return {
    rootNid: bytes.readUInt16LE(AT.rootNid),
    inodeCount,
    blocks: bytes.readUInt32LE(AT.blocks),
    metaBlockAddress: bytes.readUInt32LE(AT.metaBlockAddress),
    extraDevices: bytes.readUInt16LE(AT.extraDevices),
  };
}

const ZERO_FIELDS: readonly (readonly [string, number, number])[] = [
  ['checksum', AT.checksum, 4],
  ['extension slots', AT.extensionSlots, 1],
  ['shared xattr address', AT.xattrBlockAddress, 4],
  ['compression settings', AT.compression, 2],
];

function checkFeatures(bytes: Buffer): void {
  if (bytes.readUInt32LE(AT.magic) !== EROFS_MAGIC) {
    throw new RafsCorruptError(WHERE, 'wrong magic number');
  }
  const compat = bytes.readUInt32LE(AT.featureCompat);
  if ((compat & COMPAT_RAFS_V6) === 0) {
    throw new RafsCorruptError(WHERE, 'the RAFS v6 feature is not set');
  }
  if ((compat & COMPAT_CHECKSUM) !== 0) {
    throw new RafsCorruptError(WHERE, 'it claims a checksum, which RAFS v6 cannot have');
  }
  const incompat = bytes.readUInt32LE(AT.featureIncompat);
  if (incompat !== INCOMPAT_EXACT) {
    throw new RafsUnsupportedError(WHERE, `incompatible features 0x${incompat.toString(16)}`);
  }
  const bits = bytes.readUInt8(AT.blockSizeBits);
  if (bits === TARFS_BLOCK_BITS) {
    throw new RafsUnsupportedError(WHERE, 'tarfs images (512-byte blocks) are not supported');
  }
  if (bits !== BLOCK_SIZE_BITS) {
    throw new RafsCorruptError(WHERE, `block size 2^${bits} is not 4096`);
  }
}
