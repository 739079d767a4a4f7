/** Maxima of wires, each with its reason. Whoever passes one is closed, and the error says which. */

/** Requests that may wait for us on one wire: four times what ours send. BEP 10 `reqq` tells it. */
export const QUEUED_REQUESTS_MAX = 64;
/** The same of a standard client: aria2 sends 250 of its small ones whatever it was told. */
export const STANDARD_QUEUED_REQUESTS_MAX = 512;
/** A block to standard clients, which drop a connection above (BEP 3). */
export const STANDARD_BLOCK_BYTES = 16 << 10;
/** Blocks that are read for one wire at the same time. */
export const READING_BLOCKS_MAX = 64;
/** Requests of ours under way on one wire: 2 MiB, more than a 10 Gbit/s link holds in 1 ms. */
export const OUTSTANDING_REQUESTS_MAX = 16;
/**
 * The same 2 MiB in blocks of a standard client: Transmission answers every half second what it has been asked
 * until then, and with 256 KiB at a time a chunk of 1 MiB came too late. Clients take 250 and more.
 */
export const STANDARD_OUTSTANDING_REQUESTS_MAX = 128;
/** Requests of ours that wait on one wire until others are answered: a chunk has 8 blocks. */
export const WAITING_REQUESTS_MAX = 1024;
/** Bytes that a wire keeps in memory for one who does not read them: what ours ask for at once. */
export const UNSENT_BYTES_MAX = 2 << 20;
/** Bytes of blocks that a socket has at once: TLS copies what it has, twice. */
export const SOCKET_BYTES_MAX = 128 << 10;
/** An extension message: 64 KiB of ranges or hashes, the standard's 16 KiB of a torrent. */
export const EXTENSION_MESSAGE_BYTES_MAX = 64 << 10;
/** A handshake of extensions: a token of 6 KiB and some names. */
export const EXTENDED_HANDSHAKE_BYTES_MAX = 16 << 10;
/** Ranges in one message: its sender splits more, so that adding them never takes long. */
export const HAVE_RANGES_MAX = 1024;
/** Ranges of one blob that are remembered of one peer: 1 MiB of memory. What does not fit is forgotten. */
export const PEER_RANGES_MAX = 1 << 16;
/** Hashes in one message: pieces of 1 GiB, 32 KiB. */
export const HASHES_MAX = 1024;
/** Hosts in one message of neighbours: as many as one keeps wires to at least, who keeps 20 to 30. */
export const NEIGHBOURS_TOLD_MAX = 20;
/** Messages of neighbours that are heard on one wire: one is sent; more would fill our list of hosts. */
export const NEIGHBOUR_MESSAGES_MAX = 4;
/** Questions for hashes under way on one wire. */
export const HASH_QUESTIONS_MAX = 32;
/** What a dialled host may say before its wire is there: handshakes, which it owes us first. */
export const FEED_KEPT_BYTES_MAX = 64 << 10;
/** Cancelled requests whose answer is still remembered; ours have two rounds of them at most. */
export const CANCELLED_REQUESTS_MAX = 256;
/** Characters of a zone or a rack. */
export const PLACE_CHARACTERS_MAX = 255;
/** Characters of `host:port`. */
export const ADDRESS_CHARACTERS_MAX = 262;
/** What a host answers to the question where it stands: a zone and a rack. */
export const HOST_ANSWER_BYTES_MAX = 4096;
/**
 * Reaching a host: it stands in the same cluster. Readers ask others long before; who was not reached
 * counts as gone for seconds, and a busy process of our own may not see for a while that it was.
 */
export const DIAL_TIMEOUT_MS = 1000;
/**
 * TLS and handshakes of a wire that was dialled: some round trips and signatures, on a host that may be
 * starting a hundred containers. Readers do not wait so long: they ask others meanwhile.
 */
export const HANDSHAKE_TIMEOUT_MS = 5000;
/** The same for one who came to us: he may be busier than we are. */
export const ACCEPT_TIMEOUT_MS = 5000;
/** How long a wire that is closed may take to send what it has begun. */
export const CLOSE_TIMEOUT_MS = 1000;
/** Wires that are open at once: 100 blobs with some neighbours each. */
export const WIRES_MAX = 2048;
/** Wires of one host: one for each blob that both use. */
export const WIRES_PER_HOST_MAX = 256;
/** Strangers that are at their handshake at once: hosts of some racks. Half of them may be of one address. */
export const HANDSHAKES_MAX = 128;
/** How often a wire looks at itself. */
export const WIRE_CHECK_MS = 15_000;
/** A request that takes longer is answered with signs of life: who hears nothing for 250 ms asks others. */
export const SIGN_OF_LIFE_MS = 30;
/** A silence of one who lives counts half after so long: hosts are busy for seconds, not minutes. */
export const PAUSE_HALF_LIFE_MS = 5000;
/** Silence after which a keep-alive is sent (BEP 3: two minutes at most). */
export const KEEP_ALIVE_MS = 55_000;
/** Silence after which the other side counts as gone: two keep-alives and some. */
export const SILENCE_MS_MAX = 150_000;
/** How long a reader may leave everything unread that was sent to it. */
export const STALL_MS_MAX = 120_000;
/** Lines of a wire log that wait to be written; more are dropped and counted. */
export const WIRE_LOG_BYTES_MAX = 4 << 20;
/** What a wire log writes until the daemon ends: others decide how many messages come. */
export const WIRE_LOG_FILE_BYTES_MAX = 2 ** 30;
/** How often one client gets the whole info dictionary of a torrent: once more than it needs. */
export const METADATA_ROUNDS_MAX = 2;
