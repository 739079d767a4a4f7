/** Maxima of the reads of one blob, for this host and for others, each with its reason. */

/** Ranges of one blob whose sender is remembered until they are verified: 128 MiB in blocks. */
export const UNJUDGED_RANGES_MAX = 1024;
/** How long a reader waits for a dial: with the silence that is borne after it he loses less than 300 ms. */
export const DIAL_PATIENCE_MS = 40;
/**
 * A host that has answered is there, and may be busy: its handshake may take a while where many start.
 * So long at most, and where no other host has shown of late how long it takes.
 */
export const HANDSHAKE_PATIENCE_MS_MAX = 750;
/** A host that has sent us away is dialled again for that blob after so long: it may read it soon. */
export const SENT_AWAY_MS = 5000;
/** Blobs that are shared at the same time: the layers of some hundred images. */
export const SWARMS_MAX = 1024;
/** A blob that nobody has read for so long needs no wires; what is held of it stays. */
export const SWARM_IDLE_MS = 300_000;
/** How often swarms are looked at for that. */
export const SWARM_CHECK_MS = 30_000;
/** How long a reader waits to hear from a home what pieces must be: then the home itself is asked for them. */
export const PIECE_HASHES_TIMEOUT_MS = 200;
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
/** A block that the limit of uploads would keep so long is refused: somebody else may send it sooner. */
export const UPLOAD_WAIT_MS_MAX = 200;
/** One that was accepted and is overtaken for so long is refused after all, before its host gives it up as late. */
export const UPLOAD_OVERTAKEN_MS_MAX = 500;
/** How often those who wait for the limit of uploads are looked at for that: there may be many of them. */
export const UPLOAD_LOOK_MS = 50;
/** Whoever was refused by the limit of uploads counts as one who waits for so long: he asks again, later and later. */
export const UPLOAD_REFUSED_KEPT_MS = 2000;
/** What a home has not begun to read after so long is as urgent as what a program waits for: nobody starves. */
export const HOME_OVERTAKEN_MS_MAX = 2000;
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
/**
 * A block that a standard client has not given after so long is given up: twice as long as with hosts. What a read
 * asks for at a time is 4 MiB, and Transmission gives what has been asked of it, 2 MiB, twice a second.
 */
export const PLAIN_BLOCK_TIMEOUT_MS = 2000;
