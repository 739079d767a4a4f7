/** Maxima of whom a host asks, how much, and how long it leaves others out, each with its reason. */
import { PIECE_BYTES } from '../limits.ts';

/** A peer that was slow or silent is left out for so long, then for twice as long, up to the next. */
export const SLOW_BAN_MS = 5000;
/** The longest of these times: one that was away for long is asked again within a minute of its return. */
export const SLOW_BAN_MS_MAX = 60_000;
/** One that sent wrong bytes: it may cost its readers a chunk each time that it is asked again. */
export const LIAR_BAN_MS = 3_600_000;
/** One of several that may have sent them, until it is known who did, or where it never will be. */
export const SUSPECT_BAN_MS = 60_000;
/** What is left of a first ban where the peer is a home: without it the origin pays. */
export const HOME_BAN_MS_MAX = 1000;
/** Of a home that sent wrong bytes: its origin may have given them. */
export const LYING_HOME_BAN_MS_MAX = 60_000;
/** Peers whose bans are remembered; of more the oldest ban is lifted. */
export const BANS_MAX = 4096;
/** Asked of a peer, over all blobs, before any of it was judged: a chunk, so that a liar spoils little. */
export const UNPROVEN_BYTES_MAX = 1 << 20;
/** Peers of which it is remembered how much of theirs was right; of more the one asked longest ago begins anew. */
export const CREDITS_MAX = 4096;
/** One that refuses what it says it holds may do so for so long: when many start together everybody is busy. */
export const HOLDER_GRACE_MS = 250;
/** Then it is left out as long again, then twice as long, up to REFUSAL_PAUSE_MS_MAX. */
export const HOLDER_PAUSE_MS = 250;
/** The same of a home: longer, since it has had its chance; not long, since without it the origin pays. */
export const HOME_PAUSE_MS = 1000;
/** Who only refuses is asked twice a minute: it may have been busy, and may have what nobody else has. */
export const REFUSAL_PAUSE_MS_MAX = 30_000;
/** What was refused so long ago says nothing of now. */
export const REFUSAL_FORGOTTEN_MS = 300_000;
/** Peers of one blob whose refusals are remembered, where some 30 have a wire; of more the oldest is forgiven. */
export const REFUSING_PEERS_MAX = 256;
/** Wires for one blob: below, others are looked for. */
export const NEIGHBOURS_MIN = 20;
/** No more are let in: each hears of every range that comes. */
export const NEIGHBOURS_MAX = 30;
/** At least so many are in other zones, where there are any, or a zone would be an island. */
export const NEIGHBOURS_ELSEWHERE_MIN = 2;
/** A wire may be of no use for so long, where others would take its place. */
export const NEIGHBOUR_IDLE_MS_MAX = 30_000;
/** So many are dropped at a time: who is replaced may come back. */
export const NEIGHBOURS_DROPPED_MAX = 2;
/** Promised and not sent yet: more would wait for the link, and its peers can ask others. */
export const UPLOAD_BYTES_MAX = 4 * PIECE_BYTES;
/** Of one peer, when nobody else is short of anything. */
export const UPLOAD_BYTES_PER_WIRE_MAX = 4 * PIECE_BYTES;
/** What the link is expected to send in so long is promised: on a slow one that is less than UPLOAD_BYTES_MAX. */
export const UPLOAD_HORIZON_MS = 200;
/** Whoever was refused asks again within so long, if he still wants something of this host. */
export const UPLOAD_ASKED_AGAIN_MS = 300;
/** What a peer may have had more than the one that had least, before urgency counts no more. */
export const UPLOAD_AHEAD_BYTES_MAX = PIECE_BYTES;
/** What a peer that was refused again and again is given later at most, before others have their share. */
export const UPLOAD_OWED_BYTES_MAX = 4 * PIECE_BYTES;
/** Hosts that are remembered as refused; there are fewer wires. */
export const UPLOAD_REFUSED_PEERS_MAX = 1024;
/** What the own link brings in so long is asked for, over all reads: more would wait in queues of others. */
export const DOWNLOAD_HORIZON_MS = 300;
/** Whatever was measured, and before: on 10 Mbit/s half a second. */
export const DOWNLOAD_BYTES_MIN = 512 << 10;
/**
 * For how long one read passes over a peer that said nothing, too little, or that it cannot: the list of hosts is
 * made anew without it meanwhile.
 */
export const PASSED_MS = 5000;
/** Hosts whose hash is remembered, three times those of the largest cluster: then all are forgotten, also those that went. */
export const HASHED_NAMES_MAX = 65_536;
