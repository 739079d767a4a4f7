/** Maxima of what one host has to do with others at a time, each with its reason. */

/** How often wires to neighbours are looked at: it costs no message. */
export const NEIGHBOURS_CHECK_MS = 500;
/** Hosts with the same blob that others have told of: twice the 30 of a host's wires, since some are gone. */
export const INTRODUCED_HOSTS_MAX = 64;
/** Of those that are dialled at a time: half of the wires that one looks for. */
export const INTRODUCED_DIALS_MAX = 10;
/** Hosts that one who reaches nobody dials at a time: one that is gone for good shall not be all of them. */
export const KNOCKS_AT_ONCE_MAX = 4;
/** Blobs that one reader without digests of chunks reads at a time. */
export const TRUSTED_BLOBS_MAX = 256;
/** Images that a host makes ready at a time: it has other things to do. */
export const PREHEATS_RUNNING_MAX = 2;
/** Hosts that hear of an order together begin at random within this: not all are first, and find nothing at others. */
export const PREHEAT_SPREAD_MS_MAX = 200;
/** Orders that a host remembers, so that it does not carry one out twice. */
export const PREHEATS_KEPT_MAX = 1024;
/** How often it is looked whether what was promised has left: a block takes a few milliseconds. */
export const PEER_DRAIN_LOOK_MS = 20;
