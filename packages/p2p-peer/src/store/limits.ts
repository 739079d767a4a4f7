/** Maxima of the store, each with its reason. */

/** Blobs of one store: each costs a record and a look at its file when the store is opened. */
export const STORED_BLOBS_MAX = 1 << 16;
/** What one record tells of a blob: 1,000 ranges of 60 KiB and 64 hashes are 8 KiB, written together. */
export const SEGMENT_BYTES = 64 << 20;
/** Records of one blob that are read before others have a turn: those of a large blob take some ten ms. */
export const STORE_SEGMENTS_PER_TURN = 16;
/** Descriptors of a store: more blobs than a host reads at a time. */
export const STORE_FILES_OPEN_MAX = 64;
/** Bytes that a store reads at a time: a large chunk; peers ask for less. */
export const STORE_READ_BYTES_MAX = 64 << 20;
/** What lies in memory already is read at once up to this, a block of our own; a thread reads what is longer. */
export const CACHED_READ_BYTES_MAX = 128 << 10;
/** What is right becomes durable so much later at most, since each time costs the disk two writes. */
export const STORE_DURABLE_DELAY_MS_MAX = 100;
/** Written bytes with which the store does not wait so long: a crash loses no more. */
export const STORE_DURABLE_BYTES_MAX = 64 << 20;
/** Blobs whose files are synced at once. */
export const STORE_SYNCS_MAX = 4;
/** A hole frees whole blocks of a file system: most have blocks of this size. */
export const HOLE_BLOCK_BYTES = 4 << 10;
/** Bytes of a file that become a hole at a time: 2 ms, in which the main thread does nothing else. */
export const HOLE_BYTES_MAX = 4 << 20;
/** Reads whose bytes wait for a verdict; with more the oldest are given up. */
export const DEPOSITS_MAX = 4096;
/** An eviction goes down to so much of the limit, so that the next one is not at once. */
export const STORE_LOW_PERCENT = 90;
/** Freed on a full disk at a time. */
export const STORE_FULL_EVICT_BYTES = 64 << 20;
/** Blobs of images whose names are remembered: those of a host's images, and some that were removed. */
export const IMAGE_BLOBS_MAX = 2048;
