/** Maxima of what is known of hosts, each with its reason. */

/** How long a host is known that no tracker names any more. */
export const HOST_KNOWN_MS = 60_000;
/** Hosts of a cluster that one remembers; a few hundred bytes each. */
export const DIRECTORY_HOSTS_MAX = 16_384;
/** A host that did not answer is left out for so long, then for twice as long, up to the next. */
export const UNREACHABLE_MS = 5000;
/** The second: hosts that were away for long are found again within a minute of their return. */
export const UNREACHABLE_MS_MAX = 60_000;
/** How long handshakes took of late counts half after so long: hosts are busy for seconds, not minutes. */
export const HANDSHAKE_HALF_LIFE_MS = 5000;
/** Extents whose homes are remembered until a host comes or goes: 64 GiB of blobs. */
export const HOMES_REMEMBERED_MAX = 4096;
