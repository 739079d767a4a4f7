/** Maxima of how services are looked up, each with its reason. */

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
