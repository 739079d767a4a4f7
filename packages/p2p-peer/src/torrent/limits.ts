/** Maxima of torrents and bencoded bytes that come from others, each with its reason. */

/** A torrent: 3 TiB in pieces of 4 MiB. */
export const METAINFO_BYTES_MAX = 16 << 20;
/** Lists and dictionaries in each other; a torrent has three. */
export const BENCODE_DEPTH_MAX = 8;
/** Values of bencoded bytes: a torrent has a dozen, an answer of a tracker a few hundred. */
export const BENCODE_VALUES_MAX = 4096;
/** Digits of the longest number or length in bencoded bytes. */
export const BENCODE_DIGITS_MAX = 16;
/** Trackers of one torrent; two or three replicas are usual. */
export const TRACKERS_MAX = 16;
/** Characters of a tracker's address. */
export const TRACKER_URL_LENGTH_MAX = 2048;
/** Characters of a magnet link: all trackers, percent-encoded. */
export const MAGNET_LENGTH_MAX = 128 << 10;
/** Pieces of torrents of others: no shorter than a block of the standard wire. */
export const TORRENT_PIECE_BYTES_MIN = 16 << 10;
/** Nor longer: a piece is verified whole. */
export const TORRENT_PIECE_BYTES_MAX = 64 << 20;
