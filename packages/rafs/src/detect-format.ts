/** Tells apart what may be found where a bootstrap is expected (docs/format.md, "Recognition"). */
import { NotRafsError, NydusV3Error, RafsV5Error } from './errors.ts';
import { SUPERBLOCK_OFFSET } from './layout.ts';
import { COMPAT_RAFS_V6, EROFS_MAGIC, SUPERBLOCK_FIELD, SUPERBLOCK_SIZE } from './superblock.ts';

export type BootstrapFormat = 'rafs-v6' | 'rafs-v5' | 'nydus-v3' | 'unknown';

const RAFS_V5_MAGIC = 0x5241_4653;
const RAFS_V5_VERSION = 0x500;
const NYDUS_V3_DEVICE_TABLE_SLOT = 9;

/** Looks at the first 1152 bytes. */
export function detectBootstrapFormat(bytes: Buffer): BootstrapFormat {
  if (isRafsV5(bytes)) return 'rafs-v5';
  if (bytes.length < SUPERBLOCK_OFFSET + SUPERBLOCK_SIZE) return 'unknown';
  const field = (offset: number): number => SUPERBLOCK_OFFSET + offset;
  if (bytes.readUInt32LE(field(SUPERBLOCK_FIELD.magic)) !== EROFS_MAGIC) return 'unknown';
  const compat = bytes.readUInt32LE(field(SUPERBLOCK_FIELD.featureCompat));
  if ((compat & COMPAT_RAFS_V6) !== 0) return 'rafs-v6';
  const slot = bytes.readUInt16LE(field(SUPERBLOCK_FIELD.deviceTableSlot));
  return slot === NYDUS_V3_DEVICE_TABLE_SLOT ? 'nydus-v3' : 'unknown';
}

function isRafsV5(bytes: Buffer): boolean {
  return (
    bytes.length >= 8 &&
    bytes.readUInt32LE(0) === RAFS_V5_MAGIC &&
    bytes.readUInt32LE(4) === RAFS_V5_VERSION
  );
}

/** Throws the error that names what the bytes are instead of RAFS v6. */
export function requireRafsV6(bytes: Buffer): void {
  const format = detectBootstrapFormat(bytes);
  if (format === 'rafs-v5') throw new RafsV5Error();
  if (format === 'nydus-v3') throw new NydusV3Error();
  if (format === 'unknown') {
    throw new NotRafsError(bytes.length === 0 ? 'it is empty' : 'it has no RAFS v6 superblock');
  }
}
