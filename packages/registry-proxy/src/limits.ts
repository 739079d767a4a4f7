/**
 * Every maximum of this package, each with its reason. Clients and registries are strangers: whatever
 * they make the proxy hold or wait for is bounded here.
 */

/** Target of a request: a repository of 255 bytes, a digest, a query. */
export const TARGET_LENGTH_MAX = 2048;
/** Headers of a request in bytes; tokens of cloud registries are about 4 KiB. */
export const HEADER_BYTES_MAX = 24 << 10;
/** Accepted media types in the key of a memory; clients send some 400 characters of them, and there are many keys. */
export const ACCEPT_KEY_LENGTH_MAX = 512;
/** Headers of a request in number; clients send about ten. */
export const HEADERS_MAX = 64;
/** Until the head of a request is there: a client that sends a byte now and then holds nothing. */
export const HEAD_TIMEOUT_MS = 10_000;
/** A connection without a request is closed after this time, above the 60 s of load balancers. */
export const KEEP_ALIVE_MS = 75_000;
/** A client that takes nothing of its answer for so long is cut off. */
export const CLIENT_SILENT_MS = 120_000;
/** Connections at a time; containerd opens a handful for each pull. */
export const CONNECTIONS_MAX = 512;
/**
 * Requests of one connection that are not answered yet: no runtime sends a second one before it has its answer,
 * and each may hold parts of a blob.
 */
export const PIPELINED_MAX = 8;
/** Of one connection, behind the last that is answered: one read of a socket may have a body that looks like some. */
export const LATE_REQUESTS_MAX = 1000;
/** An answer to a manifest or a HEAD, or an error: what a runtime waits for before it goes elsewhere. */
export const ANSWER_TIMEOUT_MS = 3_000;
/** TCP and TLS set-up with an upstream, inside of that. */
export const CONNECT_TIMEOUT_MS = 2_500;
/** The body of such an answer: an index of 4 MiB over a slow link. */
export const DOCUMENT_TIMEOUT_MS = 20_000;
/** The first bytes of a blob, or an error. */
export const FIRST_BYTES_TIMEOUT_MS = 10_000;
/**
 * The first bytes of a blob from what lies before the registry (peers); then the registry is asked beside
 * it. Peers that are well take some 50 ms, one that has died among them 300; twenty hosts that start on two
 * processors take seconds, and with half a second the registry gave them 4.5 images instead of one.
 */
export const SHARED_FIRST_MS = 3_000;
/** The same for other parts, from one sign to the next: bytes over a slow link are signs. */
export const SHARED_SILENT_MS = 3_000;
/** Of a host that is itself late: before the client would have an error instead (FIRST_BYTES_TIMEOUT_MS). */
export const SHARED_LATE_MS_MAX = 8_000;
/** Silence of that source after which an error of the registry stands: peers may have what it does not give. */
export const SHARED_AFTER_FAILURE_MS = 2_000;
/** A source that was silent until the registry had answered is not asked for so long, then twice as long... */
export const SHARED_REST_MS = 1_000;
/** ... and at most so long: trying it costs one part of a blob SHARED_SILENT_MS. */
export const SHARED_REST_MS_MAX = 30_000;
/**
 * A `Retry-After` of the registry that is waited for with a part of a blob: twice of it leaves some of the
 * time for the first bytes. A longer one is the client's answer.
 */
export const RETRY_AFTER_MS_MAX = 4_000;
/** Silence of an upstream in the middle of a blob. */
export const BLOB_SILENT_MS = 30_000;
/** An upstream that let a request run into its time limit rests so long: others fail at once. */
export const UPSTREAM_REST_MS = 5_000;
/** Small answers that one upstream is asked for at the same time: each may be held in memory. */
export const DOCUMENTS_MAX = 128;
/** Body of an answer that is no success and is passed on. */
export const ERROR_BODY_BYTES_MAX = 64 << 10;
/** A list of tags or referrers; longer ones come in pages. */
export const LIST_BYTES_MAX = 8 << 20;
/** How long a client need not be authorised again for a repository. */
export const GRANT_MS = 60_000;
/** Authorizations remembered: one per client token and repository. */
export const GRANTS_MAX = 16_384;
/** How long a tag is believed to point where it did. */
export const TAG_MS = 10_000;
/** Age up to which a tag is answered from memory when its upstream fails. */
export const STALE_MS_MAX = 60 * 60_000;
/** Tags remembered, each for one set of accepted media types. */
export const TAGS_MAX = 16_384;
/** How long something is believed to be missing. */
export const MISSING_MS = 2_000;
/** What an upstream says of something that is missing; longer words are not remembered. */
export const MISSING_BYTES_MAX = 4 << 10;
/** Missing things remembered. */
export const MISSING_MAX = 4096;
/** How long a digest is believed to be in a repository: content has a name, but may be deleted. */
export const MEMBER_MS = 10 * 60_000;
/** Digests remembered, each for one repository. */
export const MEMBERS_MAX = 65_536;
/** Manifests held in memory, in bytes. */
export const MANIFEST_MEMORY_BYTES_MAX = 32 << 20;
/** Manifests held on the disk, in bytes: some ten thousand. */
export const MANIFEST_DISK_BYTES_MAX = 256 << 20;
/** First read of a blob: small, so that the first byte comes soon. */
export const FIRST_READ_BYTES = 256 << 10;
/** Reads after the first, until it is clear that the client takes more than the beginning. */
export const SECOND_READ_BYTES = 1 << 20;
/** Other reads of a blob; each answer has one being sent and one under way. */
export const READ_BYTES_MAX = 4 << 20;
/** Beginning of an answer that is read in parts in any case: whoever wants no more costs no more. */
export const IN_PARTS_BYTES = 8 << 20;
/** The smallest read, of whom 512 connections with 8 requests each hold what is bounded below, and as much again. */
export const CROWDED_READ_BYTES = 32 << 10;
/** What all answers together hold of blobs; with many of them reads become smaller. */
export const READ_BYTES_HELD_MAX = 128 << 20;
/** End of a whole blob that is held back until its digest is known. */
export const HELD_BACK_BYTES = 64 << 10;
/** Threads that hash blobs: two feed 10 Gbit/s where the processor has no SHA-256 of its own. */
export const HASH_THREADS_MAX = 2;
/** After so long without a blob they end: each holds some 13 MiB. */
export const HASH_IDLE_MS = 30_000;
/** Sources of blobs kept open: one per repository and authorization. */
export const SOURCES_MAX = 1024;
/** How long `close` lets answers go on before it cuts them. */
export const CLOSE_GRACE_MS = 5_000;
/** Proxies a request has come through, after which it is held to go in circles. */
export const HOPS_MAX = 4;
/** Upstreams of one proxy. */
export const UPSTREAMS_MAX = 256;
/** Time limits that an upstream runs into in a row before it rests: one may be the fault of one answer. */
export const UPSTREAM_SILENCES_MAX = 2;
/** The line before a manifest on the disk: its media type. */
export const MANIFEST_FILE_HEAD_BYTES_MAX = 512;
/** How often connections are looked at for requests that are late. */
export const CONNECTIONS_CHECK_MS = 2_000;
/** Parts of a blob that each answer holds: the one that is being sent and the next one. */
export const PARTS_HELD_MAX = 2;
/** Tries of one read of a blob, the first included: its client waits meanwhile. */
export const BLOB_TRIES_MAX = 3;
/** Wait before the second of them, then twice as long, up to the next. */
export const BLOB_RETRY_MS_MIN = 100;
/** The longest of these waits: two of them are within FIRST_BYTES_TIMEOUT_MS. */
export const BLOB_RETRY_MS_MAX = 1_000;
/** What a manifest takes in memory besides its bytes: its names, and its place in the cache. */
export const MANIFEST_MEMORY_EXTRA_BYTES = 512;
