/**
 * Every maximum of the mount service, each with its reason.
 */

/** Mounts of one daemon: each holds a kernel superblock; far above what a host runs. */
export const MOUNTS_MAX = 10_000;
/** One stored record: 255 blobs of 200 bytes and the paths, many times over. */
export const RECORD_BYTES_MAX = 1 << 20;
/** Longest pause between two attempts for a waiting reader: it continues soon after a repair. */
export const MISS_RETRY_DELAY_MS_MAX = 5_000;
/** First pause between two attempts for a waiting reader. */
export const MISS_RETRY_DELAY_MS = 200;
/** First pause before a holder that could not be started is tried again. */
export const HOLDER_RETRY_DELAY_MS = 500;
/** Longest such pause: a line in the log each time. */
export const HOLDER_RETRY_DELAY_MS_MAX = 30_000;
/** How long a holder that was killed may take to end: a moment. */
export const HOLDER_END_MS_MAX = 5_000;
/** Identical log lines of failing misses are written at most this often per blob. */
export const MISS_LOG_INTERVAL_MS = 5_000;
/** Deadline of a miss policy: a day; longer is `wait`. */
export const MISS_DEADLINE_MS_MAX = 86_400_000;
/** Times a patient reader sees damaged bytes before its error: a source that lies does not heal. */
export const CORRUPT_ROUNDS_MAX = 3;
/** A larger bootstrap is walked in a thread: 4 MiB are some 20,000 files and 100 ms. */
export const WALK_INLINE_BYTES_MAX = 4 << 20;
/** Mounts that are ended at the same time when everything is unmounted: each takes a process. */
export const DRAIN_PARALLEL_MAX = 8;
/** A read of a range that was just refused is the kernel's second attempt: it follows at once. */
export const RECENT_FAILURE_MS = 250;
/** Ranges remembered per blob: the reads one reader has under way, many times over. */
export const RECENT_FAILURES_MAX = 256;
/** Stored bootstraps that no mount uses: enough for a host that switches between its images. */
export const BOOTSTRAPS_UNUSED_MAX = 64;
/** Longest time without a mount that a stored bootstrap is kept: 30 days. */
export const BOOTSTRAPS_UNUSED_MS_MAX = 30 * 86_400_000;
/** Stored bootstraps are looked through at most this often while images come and go. */
export const COLLECT_INTERVAL_MS = 60_000;
/** Reads that waited, kept for `shoal trace`: the first of each blob, 100 bytes each. A start-up has hundreds. */
export const MISS_TRACE_FIRST_MAX = 2048;
/** And at least so many of the last. */
export const MISS_TRACE_LAST_MAX = 512;
/** A read that waits longer counts as a stall. */
export const STALL_MS = 1_000;
/** Mounts whose files are read at the same time when a daemon starts: each waits for the disk. */
export const RESTORE_PARALLEL_MAX = 16;
/** How long a drain waits for the kernel to close the files of what it unmounted: that takes a moment. */
export const UNREAD_WAIT_MS = 1_000;
/** What an image's prefetch list names, uncompressed: whatever lies behind that is read on demand. */
export const PREFETCH_BYTES_MAX = 2 ** 30;
/** Parts of blobs in such a list: as many files as the table of an image can name. */
export const PREFETCH_RANGES_MAX = 1 << 16;
/** Neighbours in a blob are fetched together if they are no further from each other in the list. */
export const PREFETCH_WINDOW_RANGES = 32;
/** Uncompressed bytes fetched ahead at a time: a reader that joins waits for all of them. */
export const PREFETCH_STEP_BYTES = 2 << 20;
/** Parts of an image's list under way at once: enough to hide a round trip, half of what is free for it. */
export const PREFETCH_PARALLEL_MAX = 6;
