/**
 * Every maximum of this package but those of select/, wire/, tracker/ and trust/, each with its reason. Other
 * peers are strangers until their certificate and token are checked, and may be out of order after that.
 */

/** A piece between our peers: one read of a chunk rarely needs two. */
export const PIECE_BYTES = 1 << 20;
/** A block between our peers: 0.2 ms of a 10 Gbit/s link, so a demand read never waits long behind another. */
export const BLOCK_BYTES_MAX = 128 << 10;
/** Blocks that wait in memory to be used again, 4 MiB: more than two peers ask for at once. */
export const BLOCK_BUFFERS_KEPT_MAX = 32;
/** Memory of reads that waits to be used again: three of a home at their longest. */
export const READ_MEMORY_KEPT_BYTES_MAX = 12 << 20;
/** A block to standard clients, which drop a connection above (BEP 3). */
export const STANDARD_BLOCK_BYTES = 16 << 10;
/** What has one home: small enough to spread a blob over all seeds, large enough for long origin reads. */
export const EXTENT_BYTES = 16 << 20;
/** Ranges of one set: a blob of 10 GiB half held in 60 KiB pieces has 87,382; each takes 8 bytes. */
export const RANGES_MAX = 1 << 18;
/** Ranges of one blob whose sender is remembered until they are verified: 128 MiB in blocks. */
export const UNJUDGED_RANGES_MAX = 1024;
/** Ids of hosts that need not be computed again: 10,000 hosts and those that were before them, 2 MiB. */
export const PEER_IDS_REMEMBERED_MAX = 1 << 14;
/** Homes of an extent that are known: two have their turn before the lottery, a third beside it. */
export const HOME_RANKS = 3;
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
/** The largest blob that is stored: 1 TiB has 16,384 segments. */
export const STORED_BLOB_BYTES_MAX = 2 ** 40;
/** Blobs of one store: each costs a record and a look at its file when the store is opened. */
export const STORED_BLOBS_MAX = 1 << 16;
/** What one record tells of a blob: 1,000 ranges of 60 KiB and 64 hashes are 8 KiB, written together. */
export const SEGMENT_BYTES = 64 << 20;
/** Records of one blob that are read before others have a turn: those of a large blob take some ten ms. */
export const STORE_SEGMENTS_PER_TURN = 16;
/** Descriptors of a store: more blobs than a host reads at a time. */
export const STORE_FILES_OPEN_MAX = 64;
/** Bytes that a store reads at a time: a large chunk; peers ask for less. */
export const STORE_READ_BYTES_MAX = 64 << 20;

/** What lies in memory already is read at once up to this, a block of our own; a thread reads what is longer. */
export const CACHED_READ_BYTES_MAX = 128 << 10;
/** What is right becomes durable so much later at most, since each time costs the disk two writes. */
export const STORE_DURABLE_DELAY_MS_MAX = 100;
/** Written bytes with which the store does not wait so long: a crash loses no more. */
export const STORE_DURABLE_BYTES_MAX = 64 << 20;
/** Blobs whose files are synced at once. */
export const STORE_SYNCS_MAX = 4;
/** A hole frees whole blocks of a file system: most have blocks of this size. */
export const HOLE_BLOCK_BYTES = 4 << 10;
/** Bytes of a file that become a hole at a time: 2 ms, in which the main thread does nothing else. */
export const HOLE_BYTES_MAX = 4 << 20;
/** Bytes that nobody has judged for so long are given up: their reader is gone, or never verifies. */
export const UNJUDGED_MS_MAX = 60_000;
/** Reads whose bytes wait for a verdict; with more the oldest are given up. */
export const DEPOSITS_MAX = 4096;
/** An eviction goes down to so much of the limit, so that the next one is not at once. */
export const STORE_LOW_PERCENT = 90;
/** Freed on a full disk at a time. */
export const STORE_FULL_EVICT_BYTES = 64 << 20;
/** How long a host is known that no tracker names any more. */
export const HOST_KNOWN_MS = 60_000;
/** Hosts of a cluster that one remembers; a few hundred bytes each. */
export const DIRECTORY_HOSTS_MAX = 16_384;
/** Addresses that one service may have: a host of each is asked who it is. */
export const DISCOVERED_ADDRESSES_MAX = 1024;
/** Hosts that are asked who they are at the same time: each takes two signatures. */
export const DISCOVERY_QUESTIONS_MAX = 16;
/** A host that has said who it is is asked again: its zone may be another, its address another host's. */
export const DISCOVERY_ASK_AGAIN_MS = 300_000;
/** A service is looked up so long: then what was found until then counts. */
export const DISCOVERY_RESOLVE_MS_MAX = 30_000;
/** Names that SRV records point to and that are looked up at the same time. */
export const DISCOVERY_LOOKUPS_MAX = 16;
/** One question to a DNS server. */
export const DISCOVERY_LOOKUP_MS_MAX = 3000;
/** So often each is asked: packets are lost now and then. */
export const DISCOVERY_LOOKUP_TRIES_MAX = 2;
/** A host that did not answer is left out for so long, then for twice as long, up to the next. */
export const UNREACHABLE_MS = 5000;
/** The second: hosts that were away for long are found again within a minute of their return. */
export const UNREACHABLE_MS_MAX = 60_000;
/** How long a reader waits for a dial: with the silence that is borne after it he loses less than 300 ms. */
export const DIAL_PATIENCE_MS = 40;
/**
 * A host that has answered is there, and may be busy: its handshake may take a while where many start.
 * So long at most, and where no other host has shown of late how long it takes.
 */
export const HANDSHAKE_PATIENCE_MS_MAX = 750;
/** How long handshakes took of late counts half after so long: hosts are busy for seconds, not minutes. */
export const HANDSHAKE_HALF_LIFE_MS = 5000;
/** A host that has sent us away is dialled again for that blob after so long: it may read it soon. */
export const SENT_AWAY_MS = 5000;
/** Extents whose homes are remembered until a host comes or goes: 64 GiB of blobs. */
export const HOMES_REMEMBERED_MAX = 4096;
/** What a home reads of its origin at a time for others. */
export const HOME_FETCH_BYTES_MAX = 4 << 20;
/** Blobs that are shared at the same time: the layers of some hundred images. */
export const SWARMS_MAX = 1024;
/** A blob that nobody has read for so long needs no wires; what is held of it stays. */
export const SWARM_IDLE_MS = 300_000;
/** How often swarms are looked at for that. */
export const SWARM_CHECK_MS = 30_000;
/** How often trackers hear that a blob is still read. */
export const ANNOUNCE_INTERVAL_MS = 30_000;
/** The same at first: a host that comes among the first hears of nobody yet. Doubles with each. */
export const ANNOUNCE_INTERVAL_MS_MIN = 1000;
/** How soon a torrent is announced again that trackers may not have heard of: reports come first. */
export const ANNOUNCE_SOON_MS = 6000;
/** How often wires to neighbours are looked at: it costs no message. */
export const NEIGHBOURS_CHECK_MS = 500;
/** Hosts with the same blob that others have told of: twice the 30 of a host's wires, since some are gone. */
export const INTRODUCED_HOSTS_MAX = 64;
/** Of those that are dialled at a time: half of the wires that one looks for. */
export const INTRODUCED_DIALS_MAX = 10;
/** Hosts that one who reaches nobody dials at a time: one that is gone for good shall not be all of them. */
export const KNOCKS_AT_ONCE_MAX = 4;
/** How long a reader waits to hear from a home what pieces must be: then the home itself is asked for them. */
export const PIECE_HASHES_TIMEOUT_MS = 200;
/** Blobs that one reader without digests of chunks reads at a time. */
export const TRUSTED_BLOBS_MAX = 256;
/** Images that a host makes ready at a time: it has other things to do. */
export const PREHEATS_RUNNING_MAX = 2;
/** Hosts that hear of an order together begin at random within this: not all are first, and find nothing at others. */
export const PREHEAT_SPREAD_MS_MAX = 200;
/** Orders that a host remembers, so that it does not carry one out twice. */
export const PREHEATS_KEPT_MAX = 1024;
/** Pieces of a blob whose hashes are computed at a time for others. */
export const PIECES_HASHED_MAX = 64;
/** Reads of an origin that run at a home for one blob and repository: they go on when whoever asked has left. */
export const HOME_READS_MAX = 64;
/** And of all blobs together: enough to hide the round trips to a registry. */
export const HOME_READS_TOGETHER_MAX = 16;
/** Their bytes, which are in memory two or three times: fifty hosts that read at once would take 300 MiB. */
export const HOME_BYTES_TOGETHER_MAX = 8 << 20;
/** Reads of an origin that one host waits for at a home; a wire has as many requests. */
export const HOME_READS_PER_PEER_MAX = 64;
/**
 * Hosts that wait at a home for the same block: as many are sent it as soon as it comes, and pass it on.
 * All of them at once would fill the home's link with copies.
 */
export const HOME_WAITERS_MAX = 4;
/** How often it is looked whether what was promised has left: a block takes a few milliseconds. */
export const PEER_DRAIN_LOOK_MS = 20;
/** A block that the limit of uploads would keep so long is refused: somebody else may send it sooner. */
export const UPLOAD_WAIT_MS_MAX = 200;
/** One that was accepted and is overtaken for so long is refused after all, before its host gives it up as late. */
export const UPLOAD_OVERTAKEN_MS_MAX = 500;
/** Whoever was refused by the limit of uploads counts as one who waits for so long: he asks again, later and later. */
export const UPLOAD_REFUSED_KEPT_MS = 2000;
/** What a home has not begun to read after so long is as urgent as what a program waits for: nobody starves. */
export const HOME_OVERTAKEN_MS_MAX = 2000;
/** How often those who wait for the limit of uploads are looked at for that: there may be many of them. */
export const UPLOAD_LOOK_MS = 50;
/** A wire that owes an answer is silent once it still is after so long: what has come meanwhile is read first. */
export const SILENCE_CONFIRM_MS = 50;
/** A timer that comes so late says that this process had other work, or no processor: peers are waited for longer. */
export const OWN_PAUSE_MS_MIN = 50;
/** What is added for that at most. */
export const OWN_PAUSE_MS_MAX = 1000;
/** A host with more work than processors waits so many times as long at most for one that is silent. */
export const SILENCE_TIMES_MAX = 4;
/** Repositories that a home reads one blob from for others. */
export const HOME_REPOSITORIES_MAX = 64;
/** Gaps between what a home holds that are each read by itself: 4 MiB have four pieces. */
export const HOME_GAPS_MAX = 4;
/** A home does not ask an origin again so soon after it has failed, or has said that a size is wrong. */
export const HOME_FAILING_MS = 2000;
/** Blobs of which is remembered that somebody named another size than their origin says. */
export const SIZE_QUESTIONS_MAX = 1024;
/** Ranges of one blob that somebody sent wrong, until the right bytes are known. */
export const ACCUSATIONS_MAX = 64;
/** Pieces of torrents that we make, for the largest blobs. */
export const TORRENT_PIECE_BYTES_LONGEST = 4 << 20;
/** Pieces of torrents of others: no shorter than a block of the standard wire. */
export const TORRENT_PIECE_BYTES_MIN = 16 << 10;
/** Nor longer: a piece is verified whole. */
export const TORRENT_PIECE_BYTES_MAX = 64 << 20;
/** Blobs of images whose names are remembered: those of a host's images, and some that were removed. */
export const IMAGE_BLOBS_MAX = 2048;
/** Repositories in which one blob is known to be read: base images are in many. */
export const IMAGES_OF_BLOB_MAX = 16;
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
/**
 * A block that a standard client has not given after so long is given up: twice as long as with hosts. What a read
 * asks for at a time is 4 MiB, and Transmission gives what has been asked of it, 2 MiB, twice a second.
 */
export const PLAIN_BLOCK_TIMEOUT_MS = 2000;
/** How soon a standard client is dialled again that did not want a wire, or has ended it. */
export const PLAIN_REDIAL_MS = 60_000;
/** Addresses of standard clients that are remembered for that. */
export const PLAIN_DIALLED_MAX = 1024;
/** Ids of standard clients that were sources, and addresses that are none for a while: that many of each, the oldest go. */
export const PLAIN_SOURCES_REMEMBERED_MAX = 4096;
/** Blobs on the plain port that a status names. */
export const PLAIN_BLOBS_SHOWN_MAX = 256;
