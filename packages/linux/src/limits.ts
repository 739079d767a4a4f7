/** Every maximum of this package, each with its reason. */

/** Processes named by `whoUses`: a message with more helps nobody. */
export const MOUNT_USERS_MAX = 64;
/** Devices of one EROFS mount: the RAFS blob table counts at most 256 blobs. */
export const EROFS_DEVICES_MAX = 256;
/** `fsconfig` copies string values up to 255 bytes; longer paths go through /proc/self/fd. */
export const FSCONFIG_VALUE_BYTES_MAX = 255;
/** Lower directories of one overlay, the kernel's own bound (OVL_MAX_STACK). */
export const OVERLAY_LOWER_MAX = 500;
/** Files of one FUSE session: each costs a descriptor, and every worker a map entry. */
export const FLAT_FILES_MAX = 16_384;
/** Name of a flat file: what FUSE allows in one path component. */
export const FLAT_NAME_BYTES_MAX = 255;
/** One flat file: the largest RAFS device (2^32 blocks of 4 KiB). */
export const FLAT_FILE_BYTES_MAX = 2 ** 44;
/** Threads of one session: more than any host has use for, 13 MiB each. */
export const SESSION_THREADS_MAX = 32;
/** Pages of one FUSE request of any session: the kernel's default maximum, 1 MiB. */
export const FUSE_PAGES_MAX = 256;
/**
 * Pages of one request of a new session, 256 KiB: EROFS asks for less, a longer read is answered by
 * all threads at once, and what is copied stays in the processor's caches (per MiB a thread needs
 * 0.25 ms, 0.34 ms in one piece).
 */
export const FUSE_PAGES_WANTED = 64;
/** Largest read a kernel could ask for, whatever INIT agreed: more is no request. */
export const FUSE_REQUEST_BYTES_MAX = 1 << 24;
/** Data of one FUSE read reply. */
export const FUSE_READ_BYTES_MAX = FUSE_PAGES_MAX * 4096;
/**
 * Requests the kernel lets wait in the background (readahead, asynchronous direct reads). They are
 * answered late when they miss, so the kernel's default of 12 would let twelve slow misses block
 * every hit.
 */
export const FUSE_BACKGROUND_MAX = 16_384;
/** Times a read whose blocks are still absent after a successful miss is tried again. */
export const MISS_ATTEMPTS_MAX = 3;
/** Worker threads of a session that fail in a minute: more means a bug, and another process is tried. */
export const WORKER_FAILURES_PER_MINUTE_MAX = 8;
/** Pause before a second failed worker thread is replaced; it doubles with each within a minute. */
export const WORKER_RESTART_PAUSE_MS = 50;
/** Longest such pause: readers wait meanwhile. */
export const WORKER_RESTART_PAUSE_MS_MAX = 5_000;
/** Descriptors one holder keeps. */
export const HOLDER_FDS_MAX = 16;
/** Descriptors in one message of a unix socket: a holder's and its life line; the kernel allows 253. */
export const PASSED_FDS_MAX = HOLDER_FDS_MAX + 1;
/** The names that come with a holder's descriptors. */
export const HOLDER_MESSAGE_BYTES_MAX = 4096;
/** Descriptors a service manager may pass at start; systemd's own store has 512 at most. */
export const LISTEN_FDS_MAX = 512;

/** Names of all attributes of one file: the kernel's XATTR_LIST_MAX. */
export const XATTR_LIST_BYTES_MAX = 65536;

/** Value of one attribute: the kernel's XATTR_SIZE_MAX. */
export const XATTR_VALUE_BYTES_MAX = 65536;
