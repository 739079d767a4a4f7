/**
 * Every maximum of the blob store, each with its reason. `docs/limits.md` lists them.
 */

/** Threads of one codec pool: about 13 MiB each, and more than the disk or the link can feed. */
export const CODEC_THREADS_MAX = 16;
/** Jobs a codec thread holds: one runs, one waits so that the thread never idles. */
export const CODEC_JOBS_PER_THREAD = 2;
/** Largest chunk of the format: 16 MiB. */
export const CHUNK_BYTES_MAX = 16 << 20;
/** Buffer of one job: a batch of chunks plus slack; 64 MiB is 4 times the largest chunk. */
export const JOB_BYTES_MAX = 64 << 20;
/** Chunks of one job: as many as tiny files can fill a request. */
export const JOB_CHUNKS_MAX = 1 << 16;
