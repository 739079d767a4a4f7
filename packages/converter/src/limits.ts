/**
 * Every maximum of the converter, each with its reason. A layer comes from a stranger: whatever it
 * makes us hold in memory or write is bounded here, and passing a bound is a coded error. What the
 * format itself bounds (names, attributes, chunks, blobs) is in `@shoal/rafs`.
 */

/** One PAX header or GNU long name: more than any real header, small enough to hold. */
export const TAR_RECORD_BYTES_MAX = 1 << 20;
/** PAX global headers in force: each holds for every later entry, real ones are a commit's name. */
export const TAR_GLOBAL_BYTES_MAX = 1 << 20;
/** Linux PATH_MAX: no longer name can be created by any unpacker. */
export const TAR_NAME_BYTES_MAX = 4096;
/** Extents of one sparse file: 4 MiB of map. Real archives stay below a few thousand. */
export const TAR_SPARSE_EXTENTS_MAX = 1 << 18;
/** PAX 1.0 sparse maps are text: 2 numbers of up to 20 digits and a newline per extent. */
export const TAR_SPARSE_MAP_BYTES_MAX = 8 << 20;
/** Largest value of a 32-bit owner. 2^32-1 means "leave alone" to chown(2) and is refused. */
export const OWNER_ID_MAX = 0xffff_fffe;
/** `new_encode_dev`: 12 bits of major number. */
export const DEVICE_MAJOR_MAX = 0xfff;
/** `new_encode_dev`: 20 bits of minor number. */
export const DEVICE_MINOR_MAX = 0xf_ffff;
/** One file: 4 TiB is four million chunk entries (32 MiB) at the default chunk size. */
export const FILE_BYTES_MAX = 2 ** 42;
/** Longest symlink target ext4 and the kernel accept. */
export const SYMLINK_TARGET_BYTES_MAX = 4095;
/** Directories below each other: paths of PATH_MAX bytes cannot be deeper. */
export const TREE_DEPTH_MAX = 2048;
/** Symlinks followed while one entry's parent is resolved; the number umoci allows. */
export const SYMLINKS_FOLLOWED_MAX = 255;
/** Entries of one layer: 5 times the largest image known. */
export const LAYER_ENTRIES_MAX = 8_000_000;
/** Records of one layer, which are held in memory until it is merged: 5 million usual entries. */
export const LAYER_RECORD_BYTES_MAX = 512 << 20;
/** Memory of an image's tree: 3 million usual files. Node ends a process at 4 GiB of heap. */
export const IMAGE_TREE_BYTES_MAX = 2 ** 31;
/** Different chunks of one image: 2 GiB of bookkeeping, 128 TiB of data at 1 MiB a chunk. */
export const IMAGE_CHUNKS_MAX = 1 << 25;
/** Raw bytes between the tar reader and the blob writer; bounds the memory of a conversion. */
export const BYTES_IN_FLIGHT_MAX = 16 << 20;
/** A batch of small chunks sent to one worker: one message per megabyte, not per file. */
export const BATCH_BYTES = 1 << 20;
/** Units of a blob whose pieces are hashed at a time: 4 MiB, 16 MiB of blobs above some 7 GiB. */
export const HASH_UNITS_IN_FLIGHT = 4;
/** Chunks of one batch: bounds the work of one job when files are tiny. */
export const BATCH_CHUNKS_MAX = 1024;
/** Objects of a directory source looked at ahead of their turn; each may hold a small file. */
export const DIRECTORY_LOOKAHEAD = 32;
/** Files read ahead whole: 32 of them are 4 MiB. */
export const SMALL_FILE_BYTES_MAX = 128 << 10;
/** Chunks of one file: a file of FILE_BYTES_MAX at 1 MiB a chunk; holes make them cheap to ask for. */
export const FILE_CHUNKS_MAX = 1 << 22;
/** Chunk references of all files of a layer: 64 MiB of records, 256 MiB of chunk entries. */
export const LAYER_CHUNK_REFERENCES_MAX = 1 << 25;
/** Manifests of one index that are converted in one run; official images have a dozen. */
export const CONVERTED_MANIFESTS_MAX = 64;
/** Dictionary images of one conversion: their blobs share the image's 254. */
export const CHUNK_DICTS_MAX = 16;
/** A file of prefetch patterns: tens of thousands of paths. */
export const PREFETCH_FILE_BYTES_MAX = 4 << 20;
/** Entries of the prefetch table: 256 KiB of it, more than a start-up reads. */
export const PREFETCH_PATTERNS_MAX = 1 << 16;
/** Stored bytes of first reads that one layer's blob puts together: those of many starts. */
export const FIRST_READS_STORED_BYTES_MAX = 1 << 30;
/** Chunks of them, which are held in memory until the layer's end: about 70 MiB, when files are tiny. */
export const FIRST_READS_CHUNKS_MAX = 1 << 17;
/** A layer's record in the build cache, uncompressed; more is converted again. */
export const CACHE_RECORD_BYTES_MAX = 512 << 20;
/** Records of one build cache image; the oldest go first. */
export const CACHE_RECORDS_MAX = 2048;
/**
 * How long a conversion that does not insist on torrents waits for those of a dictionary, and for each of them: a
 * registry that lives gives a list, or a file of a few KiB, in less than one second.
 */
export const DICT_TORRENTS_TIMEOUT_MS = 10_000;
/** Warnings kept for the report; the rest is counted. */
export const WARNINGS_MAX = 200;
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
