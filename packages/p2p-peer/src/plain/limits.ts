/** Maxima of what is shared with standard clients, each with its reason. */

/** How soon a torrent is announced again that trackers may not have heard of: reports come first. */
export const ANNOUNCE_SOON_MS = 6000;
/** How long it counts that anybody reads a blob at its registry; it is asked again after half of it. */
export const PUBLIC_PROOF_MS = 1_800_000;
/** What is compared of a public blob's bytes at a place that its registry cannot foresee. */
export const PUBLIC_WINDOW_BYTES = 4 << 10;
/** Places that are compared at least, spread over what is held. */
export const PUBLIC_WINDOWS_MIN = 8;
/** One more for each of these that is held. */
export const PUBLIC_WINDOW_EVERY_BYTES = 8 << 20;
/** No more: each is a request, for each blob, twice an hour and more often while its bytes come. */
export const PUBLIC_WINDOWS_MAX = 32;
/** Info dictionaries of all torrents that are offered: 20 bytes for each MiB of their blobs, 3 TiB in all. */
export const PUBLIC_INFO_BYTES_MAX = 64 << 20;
/** How soon a registry is asked again that gave a blob only with credentials, or gave another one. */
export const PUBLIC_RETRY_MS = 300_000;
/** The same of one that gave no answer, and for a torrent that is not there yet. */
export const TORRENT_RETRY_MS = 15_000;
/** What is fetched of a public blob to complete it: tables that no mount reads are smaller. */
export const PUBLIC_REST_BYTES_MAX = 1 << 20;
/** How often that is tried: what then does not have its digest never will. */
export const PUBLIC_REST_TRIES_MAX = 3;
/** Pieces held here that a published torrent is compared with each time it is looked at. */
export const PUBLISHED_PIECES_PER_LOOK = 4;
/** And in all: 64 MiB of the largest blobs. */
export const PUBLISHED_PIECES_COMPARED_MAX = 16;
/**
 * Blobs that are offered though no image that this host mounts has them: layers that a mirror gave, files. Each costs
 * its registry a few requests a quarter of an hour, and with those of images they fit into one report to trackers.
 */
export const READ_BLOBS_MAX = 96;
/** What is hashed for torrents in a second: an eighth of a processor, and of a disk. */
export const TORRENT_BYTES_PER_SECOND = 64 << 20;
/** Blobs whose torrent is to be made, one after the other. */
export const TORRENTS_WAITING_MAX = 256;
/** How soon a blob is hashed again that does not have its digest: nobody has fetched it anew meanwhile, as a rule. */
export const TORRENT_WRONG_RETRY_MS = 1_800_000;
/** How often blobs are looked at for that. */
export const PUBLIC_CHECK_MS = 2000;
/** Registries that are asked at a time whether a blob is public: nobody waits for it. */
export const PUBLIC_CHECKS_RUNNING_MAX = 2;
/** Standard clients that are connected at once: each may have 2 MiB in memory. */
export const PLAIN_WIRES_MAX = 64;
/** Of one address, or of the /64 of an IPv6 address, which may be those of many. */
export const PLAIN_WIRES_PER_ADDRESS_MAX = 8;
/** Strangers at their handshake; half of them may be of one address, twice what it may have of wires. */
export const PLAIN_HANDSHAKES_MAX = 32;
/** A standard client that neither takes nor gives anything for so long leaves its place to others. */
export const PLAIN_IDLE_MS = 300_000;
/** Standard clients that one blob is fetched from at a time, where that is wanted. */
export const PLAIN_SOURCES_PER_BLOB_MAX = 4;
/** How soon a standard client is dialled again that did not want a wire, or has ended it. */
export const PLAIN_REDIAL_MS = 60_000;
/** Addresses of standard clients that are remembered for that. */
export const PLAIN_DIALLED_MAX = 1024;
/** Ids of standard clients that were sources, and addresses that are none for a while: that many of each, the oldest go. */
export const PLAIN_SOURCES_REMEMBERED_MAX = 4096;
/** Blobs on the plain port that a status names. */
export const PLAIN_BLOBS_SHOWN_MAX = 256;
