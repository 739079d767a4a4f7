/** Maxima of certificates and tokens, each with its reason. */

/** Clocks of a cluster differ; more than a minute is a fault that somebody should repair. */
export const CLOCK_SKEW_MS_MAX = 60_000;
/** A token's text travels in a handshake and in the address of an announce. */
export const TOKEN_CHARACTERS_MAX = 6 << 10;
/** A token with longer life would outlast what its host may read. */
export const TOKEN_LIFE_MS_MAX = 7 * 24 * 3600_000;
/** Renewed at half of it: this is how long every tracker may be away unnoticed. */
export const TOKEN_LIFE_MS = 12 * 3600_000;
/** Rules of a token; more belong together under a prefix. */
export const TOKEN_REPOSITORIES_MAX = 64;
/** A repository with its registry: the longest name that registries take, and a host name. */
export const REPOSITORY_CHARACTERS_MAX = 255 + 254;
/** Keys that a host accepts at once: the present one, the next one, and some to spare. */
export const TOKEN_KEYS_MAX = 8;
/** A PEM file with a certificate, its chain or its key. */
export const PEM_FILE_BYTES_MAX = 256 << 10;
/** Names and addresses in a certificate. */
export const CERTIFICATE_ADDRESSES_MAX = 64;
/** Ten years: an authority of one's own is made once. */
export const CERTIFICATE_DAYS_MAX = 3650;
/** How often certificate files are looked at: a renewed certificate is in use a minute later at most. */
export const IDENTITY_CHECK_MS = 10_000;
/** Names in a certificate: ours have a handful, those of strangers may have any number. */
export const CERTIFICATE_NAMES_CHARACTERS_MAX = 64 << 10;
/** Life of a certificate of a host when nobody says. */
export const CERTIFICATE_DAYS = 365;
/** A token that could not be renewed is asked for again after this time, then after twice as long, and so on. */
export const TOKEN_RETRY_MS_MIN = 1000;
/** The longest of these times: much less than the rest of a token that is renewed at half of its life. */
export const TOKEN_RETRY_MS_MAX = 60_000;
/** Hosts whose clocks are behind accept a new certificate too. */
export const CERTIFICATE_BACKDATED_MS = 10 * 60_000;
/** Characters of a certificate's common name (RFC 5280, ub-common-name). */
export const COMMON_NAME_CHARACTERS_MAX = 64;
/** What a timer takes at most: with more it fires at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;
