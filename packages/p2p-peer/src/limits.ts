/**
 * Every maximum of this package, each with its reason. Other peers are strangers until their
 * certificate and token are checked, and may be out of order after that.
 */

/** A piece between our peers: one read of a chunk rarely needs two. */
export const PIECE_BYTES = 1 << 20;
/** A block between our peers: 0.2 ms of a 10 Gbit/s link, so a demand read never waits long behind another. */
export const BLOCK_BYTES_MAX = 128 << 10;
/** A block to standard clients, which drop a connection above (BEP 3). */
export const STANDARD_BLOCK_BYTES = 16 << 10;
/** What has one home: small enough to spread a blob over all seeds, large enough for long origin reads. */
export const EXTENT_BYTES = 16 << 20;
/** Ranges of one set: a blob of 10 GiB half held in 60 KiB pieces has 87,382; each takes 16 bytes. */
export const RANGES_MAX = 1 << 18;
/** Ranges of one blob whose sender is remembered until they are verified: 128 MiB in blocks. */
export const UNJUDGED_RANGES_MAX = 1024;
/** Hosts that are tried as home of an extent: two that are gone at once are rare, a third is not worth the wait. */
export const HOME_RANKS = 3;
/** A torrent: 3 TiB in pieces of 4 MiB. */
export const METAINFO_BYTES_MAX = 16 << 20;
/** Lists and dictionaries in each other; a torrent has three. */
export const BENCODE_DEPTH_MAX = 8;
/** Values of bencoded bytes: a torrent has a dozen, an answer of a tracker a few hundred. */
export const BENCODE_VALUES_MAX = 4096;
/** Trackers of one torrent; two or three replicas are usual. */
export const TRACKERS_MAX = 16;
/** Characters of a tracker's address. */
export const TRACKER_URL_LENGTH_MAX = 2048;
/** Characters of a magnet link: all trackers, percent-encoded. */
export const MAGNET_LENGTH_MAX = 128 << 10;
