/**
 * Maxima of reading images back, each with its reason.
 */

/** Stored bytes of one ranged read: large enough for the link, small enough to hold several. */
export const READ_WINDOW_STORED_BYTES = 4 << 20;
/** Uncompressed bytes of one ranged read: bounds what one job of the codec pool gives back. */
export const READ_WINDOW_RAW_BYTES_MAX = 16 << 20;
/** Chunks of one ranged read: bounds the bookkeeping of tiny chunks. */
export const READ_WINDOW_CHUNKS_MAX = 8192;
/** Uncompressed bytes of chunks taken ahead and read together; two such steps are in memory. */
export const READ_STEP_RAW_BYTES = 16 << 20;
/** Chunks of such a step, when files are tiny. */
export const READ_STEP_CHUNKS_MAX = 16_384;
/** Ranged reads of one command under way at a time: keeps link and cores busy, 80 MiB at most. */
export const READ_WINDOWS_IN_FLIGHT = 4;
/** Bytes nobody asked for that a check reads to join two reads into one. */
export const READ_GAP_BYTES_MAX = 128 << 10;
/** Symlinks followed while a path inside an image is resolved; the kernel's number. */
export const PATH_SYMLINKS_MAX = 40;
/** Differences a check lists; more are counted only. */
export const DIFFERENCES_LISTED_MAX = 1000;
/** Length of a path in an archive: PATH_MAX, which no unpacker can pass. */
export const ARCHIVE_PATH_BYTES_MAX = 4096;
