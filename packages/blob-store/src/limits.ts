/**
 * Every maximum of the blob store, each with its reason. `docs/limits.md` lists them.
 */

/** Threads of one codec pool: about 13 MiB each, and more than the disk or the link can feed. */
export const CODEC_THREADS_MAX = 16;
/** Jobs a codec thread holds: one runs, one waits so that the thread never idles. */
export const CODEC_JOBS_PER_THREAD = 2;
/** Time the end of the process waits for a native module that a codec thread loads. */
export const NATIVE_LOAD_WAIT_MS_MAX = 2_000;
/** Hashed in the thread that asks: 64 KiB take 0.1 ms, less than to hand them over. */
export const HASH_HERE_BYTES_MAX = 64 << 10;
/**
 * Handed to a thread at a time of what is hashed while it comes. Each hand-over takes both threads 0.1 ms:
 * with 256 KiB that was half of what hashing takes.
 */
export const HASH_STEP_BYTES_MAX = 1 << 20;
/** Hashes of one pool that are open while their bytes come: one for each client of a mirror. */
export const HASH_STREAMS_MAX = 512;
/** Buffers of all of them, two for each: with more than 64 hashes the steps become smaller. */
export const HASH_STREAM_BYTES_MAX = 128 << 20;
/** Buffer of one job: a batch of chunks plus slack; 64 MiB is 4 times the largest chunk. */
export const JOB_BYTES_MAX = 64 << 20;
/** Raw bytes a codec thread keeps room for between jobs: a few chunks, and no memory held for nothing. */
export const SCRATCH_BYTES_MAX = 4 << 20;
/** Read at a time by a thread that hashes a file: more is not faster, and each thread holds so much. */
export const HASH_READ_BYTES = 1 << 20;
/** Chunks of one job: as many as tiny files can fill a request. */
export const JOB_CHUNKS_MAX = 1 << 16;
/** The shortest piece of a torrent that is hashed: what clients know, and no hash for each byte. */
export const PIECE_BYTES_MIN = 16 << 10;
/** Ranges read from a source at once: enough to hide a round trip, few enough for a registry. */
export const SOURCE_READS_MAX = 16;
/** Of these, kept free for demand reads: prefetching must never make a program wait. */
export const SOURCE_READS_DEMAND_RESERVED = 4;
/** Bytes asked of a source and not yet handed over; bounds the memory of fetching. */
export const SOURCE_BYTES_IN_FLIGHT_MAX = 64 << 20;
/** A demand read that hears nothing for so long lends its place: a dead registry must not stop others. */
export const SOURCE_SILENT_MS = 2000;
/** Bytes of the reads that may lend their places: should all be answered, they come on top. */
export const SOURCE_BYTES_LENT_MAX = 64 << 20;
/** Reads that wait for their turn; each is a few hundred bytes. More are refused. */
export const SOURCE_READS_WAITING_MAX = 1 << 16;
/** Stored bytes of one merged request: hides a round trip without making a first reader wait. */
export const REQUEST_STORED_BYTES_MAX = 4 << 20;
/** Uncompressed bytes of one merged request: what a codec thread produces at a time. */
export const REQUEST_RAW_BYTES_MAX = 16 << 20;
/** Chunks of one merged request, when files are tiny. */
export const REQUEST_CHUNKS_MAX = 4096;
/**
 * Bytes of a read at a new place together with what comes along, once unpacked. Python with numpy over 1 Gbit/s: 25 MB in 132 requests
 * and 1.9 s; with 256 KiB 22 MB, 173 and 2.8 s; with 1 MiB 30 MB, 105 and 1.9 s; over 100 Mbit/s 2.6, 3.0 and 3.0 s.
 */
export const READAHEAD_FIRST_BYTES = 512 << 10;
/**
 * Readahead behind a sequential demand read, the only bytes fetched that nobody asked for; also
 * never more than the stream has read so far. Hides some round trips of a fast link.
 */
export const READAHEAD_BYTES_MAX = 8 << 20;
/**
 * Readahead waits so long for the read that it follows: beside it, it would take a near peer's and
 * this host's time when a program waits for them; behind a slow link, waiting for the end would cost
 * a round trip. See docs/adr/0010.
 */
export const READAHEAD_DELAY_MS = 5;
/** Stored bytes of one readahead request: a demand read that joins one waits for this much. */
export const READAHEAD_REQUEST_BYTES_MAX = 1 << 20;
/** Reads that wait for their turn: with more of them nothing is read ahead. */
export const READAHEAD_WAITING_MAX = 256;
/** Sequential streams told apart in one blob. */
export const READAHEAD_STREAMS_MAX = 16;
/** Uncompressed bytes one `ensure` call works on at a time; longer ranges go step by step. */
export const ENSURE_STEP_BYTES = 32 << 20;
/** Times a chunk is fetched before its damage is final: a retry may reach a sound replica. */
export const CHUNK_ATTEMPTS_MAX = 3;
/** Longest time a present chunk stays not durable. */
export const DURABLE_DELAY_MS_MAX = 100;
/** Bytes of present chunks that are not durable: more start a sync at once. */
export const DURABLE_BYTES_PENDING_MAX = 64 << 20;
/** Bytes kept in memory for readers while the disk is full. */
export const PASS_THROUGH_BYTES_MAX = 64 << 20;
/** Names looked at when a cache directory is opened; a cache has a handful for each blob. */
export const CACHE_DIRECTORY_ENTRIES_MAX = 1 << 20;
/** Chunks of an adopted directory verified by one job: a reader waits for the whole job. */
export const ADOPT_CHUNKS_PER_JOB_MAX = 256;
/** Bytes of such a job. */
export const ADOPT_BYTES_PER_JOB_MAX = 8 << 20;
/**
 * A bootstrap layer, as stored and unpacked: the largest bootstrap, so that whatever can be converted
 * can be mounted; also what a compression bomb can make us hold. 300,000 files need about 100 MiB.
 */
export const BOOTSTRAP_LAYER_BYTES_MAX = 2 ** 31 - 4096;
/** Runs of stored bytes in device files that nobody has open, which are known until those are removed: 60 bytes each. */
export const VERBATIM_RUNS_LEFT_MAX = 1 << 18;
