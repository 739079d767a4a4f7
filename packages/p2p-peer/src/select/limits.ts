/** Maxima of whom a host asks, how much, and how long it leaves others out, each with its reason. */

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
