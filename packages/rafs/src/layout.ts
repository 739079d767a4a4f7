/** Addresses every bootstrap structure shares (docs/format.md, "Bootstrap"). */

/** Bytes of a block, in a bootstrap and in the uncompressed address space of a blob alike. */
export const BLOCK_SIZE = 4096;
export const BLOCK_SIZE_BITS = 12;
/** Unit of inode numbers (nid): an inode starts at a multiple of 32 bytes. */
export const INODE_SLOT_SIZE = 32;
export const SUPERBLOCK_OFFSET = 1024;
export const EXTENDED_SUPERBLOCK_OFFSET = 1152;
export const DEVICE_TABLE_OFFSET = 1408;
/**
 * The root inode comes one block after the metadata area's start, so that no inode has nid 0, which
 * glibc's readdir hides.
 */
export const ROOT_NID = BLOCK_SIZE / INODE_SLOT_SIZE;
