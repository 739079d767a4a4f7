/**
 * Every maximum of this package, each with its reason. Registries, archives and credential files are
 * input: whatever they make us hold, follow or wait for is bounded here.
 */

/** Docker's `config.json`: real ones hold a few credentials, at most some hundred KiB. */
export const DOCKER_CONFIG_BYTES_MAX = 1 << 20;
/** Answer of a credential helper; tokens of cloud registries are about 4 KiB. */
export const HELPER_ANSWER_BYTES_MAX = 256 << 10;
/** A helper may ask a key ring or a cloud service, but must not hang a mount for ever. */
export const HELPER_TIMEOUT_MS = 30_000;
/**
 * Stored credentials are looked up again after this time: a new login counts at once also for a
 * daemon, and requests that are refused together ask a helper once. Tokens live longer.
 */
export const CREDENTIALS_LIFETIME_MS = 1_000;
/** Credentials of one registry that are tried one after the other: more tries look like an attack. */
export const CREDENTIALS_REFUSED_MAX = 6;
/** Answer of a token service. */
export const TOKEN_ANSWER_BYTES_MAX = 1 << 20;
/** Tokens kept by one client: one per repository and action. */
export const TOKENS_MAX = 512;
/** Lifetime of a token whose answer states none; the distribution specification's number. */
export const TOKEN_LIFETIME_DEFAULT_MS = 60_000;
/** A token this close to its end is renewed first: clocks differ, requests take time. */
export const TOKEN_MARGIN_MS = 5_000;
/** Body of an error answer that is read for its message. */
export const ERROR_BODY_BYTES_MAX = 16 << 10;
/** Challenges read from one `www-authenticate` header; servers send one or two. */
export const CHALLENGES_MAX = 16;
/** Refusals of one request that are answered: an old token, then the credentials of each source. */
export const CHALLENGES_ANSWERED_MAX = 8;
/** Body that is read to its end to keep the connection; a longer one costs more than a new connection. */
export const DISCARD_BYTES_MAX = 64 << 10;
/** Redirected URLs tried and waited for before a reader asks the registry by itself. */
export const BLOB_ROUNDS_MAX = 4;
/** Hops of one request; presigned storage needs one, mirrors two. */
export const REDIRECTS_MAX = 5;
/** Redirected URLs remembered by one store: one per blob of a large image. */
export const LOCATIONS_MAX = 1024;
/** A redirected URL that states no expiry is asked for anew after this time. */
export const LOCATION_LIFETIME_MS = 10 * 60_000;
/** A redirected URL this close to its end is renewed first. */
export const LOCATION_MARGIN_MS = 5_000;
/** Pages of one referrers list. */
export const REFERRER_PAGES_MAX = 64;
/** Referrers after which no further page is asked for: what is wanted is among the first few. */
export const REFERRERS_MAX = 4096;
/** Referrers of an image that are looked into for its converted form. */
export const REFERRERS_READ_MAX = 32;
/** Images of an index for one platform that are looked into; usual are an original and a converted one. */
export const IMAGE_CANDIDATES_MAX = 32;
/** Indexes inside each other: none is known to use more than two. */
export const INDEX_DEPTH_MAX = 3;
/** Indexes inside one index: each of them is a request. */
export const NESTED_INDEXES_MAX = 64;
/** Platforms an error names: official images come for a dozen. */
export const PLATFORMS_NAMED_MAX = 24;
/** One answer of `readBlobRange`: it is held in memory. */
export const RANGE_BYTES_MAX = 256 << 20;
/** A broken transfer that got this far starts with all its tries again. */
export const PROGRESS_BYTES_MIN = 64 << 10;
/** One PATCH of an upload; two such buffers are held by each writer. S3 parts need 5 MiB. */
export const UPLOAD_CHUNK_BYTES = 8 << 20;
/** A registry that asks for larger chunks than this is not served. */
export const UPLOAD_CHUNK_BYTES_MAX = 64 << 20;
/**
 * Bytes a second below which an answer is given up, measured over a window of waiting: a server that
 * sends a byte now and then must not hold a reader for ever. Far below any link that is of use.
 */
export const TRANSFER_RATE_MIN = 1024;
/** Connections to one host: enough to fill a link, few enough not to look like an attack. */
export const CONNECTIONS_PER_HOST_MAX = 32;
/**
 * Requests for blobs that wait for the answer of one server, of the whole process: as many as connections,
 * so that none waits behind others where a server's wish for silence does not reach it.
 */
export const REQUESTS_UNANSWERED_MAX = 32;
/**
 * Longest silence towards a server that asks for it (`Retry-After`), for those who did not hear it
 * themselves: one request then finds out whether it is meant so. What a reader of a mount is willing to wait.
 */
export const SERVER_PAUSE_MS_MAX = 10_000;
/** A server that has asked for silence, and that nobody has asked for anything since, is as new then. */
export const SERVER_IDLE_MS = 60_000;
/** Servers whose requests are counted; redirects may name any. */
export const SERVERS_REMEMBERED_MAX = 1024;
/** Tries when nobody listens: with the waits between them below two seconds in all. */
export const UNREACHABLE_ATTEMPTS_MAX = 3;
/** Tries when a server says nothing, or nearly: each of them takes a whole timeout. */
export const SILENT_ATTEMPTS_MAX = 3;
/** Longest wait between two tries when nobody listens. */
export const UNREACHABLE_DELAY_MAX_MS = 400;
/** How long `close` lets running transfers go on before it cuts them. */
export const CLOSE_GRACE_MS = 5_000;
/** PEM files given on the command line. */
export const PEM_BYTES_MAX = 4 << 20;
/** The file `oci-layout`: one version in JSON. */
export const LAYOUT_FILE_BYTES_MAX = 4096;
/** Members of one archive; an image has a few hundred. */
export const ARCHIVE_MEMBERS_MAX = 65_536;
/** Headers and names in front of one member. */
export const ARCHIVE_RECORD_BYTES_MAX = 1 << 20;
/** `manifest.json` and `repositories` of a Docker archive. */
export const DOCKER_MANIFEST_BYTES_MAX = 4 << 20;
/** Links followed to the file that holds a layer. */
export const ARCHIVE_LINKS_MAX = 16;
/** Directories made for one target; a path of PATH_MAX bytes cannot have more. */
export const DIRECTORIES_MADE_MAX = 2048;
/** Written to a local file before the disk is set to work, so that the end waits for little. */
export const FILE_SYNC_BYTES = 32 << 20;
/** One read of a local file. */
export const FILE_READ_BYTES = 1 << 20;
/** One upload in memory of the embedded registry. */
export const EMBEDDED_MEMORY_BLOB_BYTES_MAX = 1 << 30;
/** A `hosts.toml`: a few lines for each mirror. */
export const HOSTS_FILE_BYTES_MAX = 256 << 10;
/** Servers one `hosts.toml` names. */
export const HOSTS_PER_REGISTRY_MAX = 32;
/** A `hosts.toml` is read again after this time: a change counts without a restart. */
export const HOSTS_LIFETIME_MS = 5_000;
/** A mirror that did not answer is passed over for this time, so that not every read waits for it. */
export const MIRROR_REST_MS = 20_000;
/** Endpoints kept by one client: one per repository, server and configuration. */
export const ENDPOINTS_MAX = 4096;
/** A file that holds one password or token. */
export const SECRET_FILE_BYTES_MAX = 64 << 10;
/** kubelet's configuration of credential providers. */
export const KUBELET_CONFIG_BYTES_MAX = 1 << 20;
/** Credential providers of one node; real ones have one to three. */
export const CREDENTIAL_PROVIDERS_MAX = 64;
/** How long a credential provider may take: as long as kubelet gives it. */
export const PROVIDER_TIMEOUT_MS = 60_000;
/** A credential provider that failed is not run again for the same image at once. */
export const PROVIDER_FAILURE_LIFETIME_MS = 5_000;
/** Answers of credential providers that are kept. */
export const PROVIDER_ANSWERS_MAX = 1024;
/** Credentials younger than this are not asked for anew when they are refused. */
export const PROVIDER_PAUSE_MS = 2_000;
/** How often a claim is tried again whose holder was just removing it. */
export const PATH_CLAIM_TRIES_MAX = 100;
/** A lock that one owner seems to hold for so long was left: what is done under it takes milliseconds. */
export const PATH_LOCK_HELD_MS_MAX = 10_000;
/** Credential providers that run at the same time. */
export const PROVIDER_RUNS_MAX = 4;
/** Memory is laid out for a range before its first byte comes; larger ones grow as they come. */
export const RANGE_BYTES_PREPARED_MAX = 8 << 20;
/** Repositories, each for one authorization, whose redirects one access to a registry remembers. */
export const ACCESS_STORES_MAX = 512;
/** TCP and TLS set-up, where the options say nothing else. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Until the head of an answer: a registry may fetch what it answers with. */
export const HEADERS_TIMEOUT_MS = 60_000;
/** Between two pieces of a body. */
export const BODY_TIMEOUT_MS = 60_000;
/** Waiting for a body over which its rate must reach TRANSFER_RATE_MIN. */
export const RATE_WINDOW_MS = 30_000;
/** Tries of one request, the first included, where the options say nothing else. */
export const ATTEMPTS_MAX = 6;
/** Wait before the second try, then twice as long, up to the next. */
export const RETRY_DELAY_MS = 200;
/** The longest of these waits. */
export const RETRY_DELAY_MS_MAX = 8_000;
/** A `Retry-After` above this is not waited for. */
export const RETRY_AFTER_MS_MAX = 60_000;
/** How often somebody who waits for answers only looks whether that has changed. */
export const TURN_LOOK_MS_MIN = 1000;
/** The last request of an upload: a registry may hash and move a blob before it answers. */
export const UPLOAD_FINISH_TIMEOUT_MS = 600_000;
/** To have a registry forget an upload: whether it does makes no difference to us. */
export const UPLOAD_CANCEL_TIMEOUT_MS = 5_000;
/** How often it is looked whether a lock is free; it is held for milliseconds. */
export const PATH_LOCK_CHECK_MS = 10;
/** Characters of an ETag or date by which a file on a web server is known. */
export const VALIDATOR_CHARACTERS_MAX = 512;
