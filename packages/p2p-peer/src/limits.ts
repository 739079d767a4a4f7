/**
 * Maxima that several folders of this package share, and those of folders without a limits.ts, each with its
 * reason. Other peers are strangers until their certificate and token are checked, and may be out of order
 * after that.
 */

/** A piece between our peers: one read of a chunk rarely needs two. */
export const PIECE_BYTES = 1 << 20;
/** A block between our peers: 0.2 ms of a 10 Gbit/s link, so a demand read never waits long behind another. */
export const BLOCK_BYTES_MAX = 128 << 10;
/** Blocks that wait in memory to be used again, 4 MiB: more than two peers ask for at once. */
export const BLOCK_BUFFERS_KEPT_MAX = 32;
/** Memory of reads that waits to be used again: three of a home at their longest. */
export const READ_MEMORY_KEPT_BYTES_MAX = 12 << 20;
/** What has one home: small enough to spread a blob over all seeds, large enough for long origin reads. */
export const EXTENT_BYTES = 16 << 20;
/** Ranges of one set: a blob of 10 GiB half held in 60 KiB pieces has 87,382; each takes 8 bytes. */
export const RANGES_MAX = 1 << 18;
/** Ids of hosts that need not be computed again: 10,000 hosts and those that were before them, 2 MiB. */
export const PEER_IDS_REMEMBERED_MAX = 1 << 14;
/** Homes of an extent that are known: two have their turn before the lottery, a third beside it. */
export const HOME_RANKS = 3;
/** The largest blob that is stored: 1 TiB has 16,384 segments. */
export const STORED_BLOB_BYTES_MAX = 2 ** 40;
/** Bytes that nobody has judged for so long are given up: their reader is gone, or never verifies. */
export const UNJUDGED_MS_MAX = 60_000;
/** What a home reads of its origin at a time for others. */
export const HOME_FETCH_BYTES_MAX = 4 << 20;
/** How often trackers hear that a blob is still read. */
export const ANNOUNCE_INTERVAL_MS = 30_000;
/** The same at first: a host that comes among the first hears of nobody yet. Doubles with each. */
export const ANNOUNCE_INTERVAL_MS_MIN = 1000;
/** Pieces of torrents that we make, for the largest blobs. */
export const TORRENT_PIECE_BYTES_LONGEST = 4 << 20;
/** Repositories in which one blob is known to be read: base images are in many. */
export const IMAGES_OF_BLOB_MAX = 16;
