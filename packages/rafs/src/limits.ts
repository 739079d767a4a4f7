/**
 * Every maximum of the image format code, each with its reason (docs/limits.md). An image comes
 * from a stranger: whatever its bytes make us hold or do is bounded here.
 */

/** Bytes of a bootstrap; the bound of nydusd, and 5 times the largest image known. */
export const BOOTSTRAP_BYTES_MAX = 2 ** 31;
/** Blobs of one image: the index is stored plus one in 8 bits, and nydusd wants less than 255. */
export const BLOBS_MAX = 254;
/** Smallest chunk: one block. */
export const CHUNK_SIZE_MIN = 4096;
/** Largest chunk: its size minus one has 24 bits. */
export const CHUNK_SIZE_MAX = 1 << 24;
/** Chunks of one blob: the chunk index has 24 bits. */
export const CHUNKS_PER_BLOB_MAX = 1 << 24;
/** Uncompressed bytes of one blob: 32 bits of 4 KiB blocks. */
export const BLOB_UNCOMPRESSED_BYTES_MAX = 2 ** 44;
/** Compressed bytes of one blob: offsets have 40 bits. */
export const BLOB_COMPRESSED_BYTES_MAX = 2 ** 40;
/** Length of a file name, by the kernel and by the format. */
export const NAME_BYTES_MAX = 255;
/** Length of a symlink's target; nydusd refuses more. */
export const SYMLINK_BYTES_MAX = 4096;
/** An attribute's name is stored with an 8-bit length; with its prefix Linux allows no more either. */
export const XATTR_NAME_BYTES_MAX = 255;
/** An attribute's value has a 16-bit length. */
export const XATTR_VALUE_BYTES_MAX = 65535;
/** The attribute area of an inode is counted in 4-byte units by 16 bits, its header included. */
export const XATTR_AREA_BYTES_MAX = 12 + 4 * 65534;
/** Inodes of one image, when it is verified: twice what a bootstrap of legal size can list. */
export const INODES_MAX = 2 ** 26;
/** Inodes that a prefetch table may lead to before its rest is left out: they are read in one go. */
export const PREFETCH_INODES_MAX = 32768;
/** Chunks of these files, likewise: 4 GiB of the smallest, more than anybody fetches ahead. */
export const PREFETCH_CHUNKS_MAX = 1 << 20;
/** `ceil(size / chunk size)` entries of one file must fit a bootstrap; also keeps sizes exact in a double. */
export const FILE_BYTES_MAX = 2 ** 48;
/** Chunk-info array of one blob, uncompressed: 2^24 entries of 24 bytes and as many batch contexts of 40. */
export const CHUNK_INFO_BYTES_MAX = CHUNKS_PER_BLOB_MAX * 64;
/** Table of contents with its header: nydusd accepts 64 KiB. */
export const TOC_BYTES_MAX = 65536;
/** Members of a bootstrap layer: one bootstrap, 254 chunk-info files, a few extra files. */
export const LAYER_MEMBERS_MAX = 4096;
/** Bytes of a whole bootstrap layer once unpacked: the bootstrap and every blob's chunk-info. */
export const LAYER_BYTES_MAX = 2 ** 32;
