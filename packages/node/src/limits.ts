/** Every maximum of the daemon, each with its reason. */

/** Body of a request on the control socket; the largest is a mount request with its paths. */
export const REQUEST_BYTES_MAX = 256 << 10;
/** Body of an answer: the status of 10,000 mounts of ten blobs. */
export const ANSWER_BYTES_MAX = 256 << 20;
/** Connections at the same time; more are closed at once. */
export const CONNECTIONS_MAX = 256;
/** `sun_path` of unix(7) without its terminating zero. */
export const SOCKET_PATH_BYTES_MAX = 107;
/** A configuration file is written by hand. */
export const CONFIG_BYTES_MAX = 1 << 20;
/** How long a command waits for the daemon it started; restoring thousands of mounts takes time. */
export const START_TIMEOUT_MS = 120_000;
/** How long a command waits for a daemon that was ready and has no socket any more; see the next. */
export const LOST_SOCKET_TIMEOUT_MS = 5_000;
/** How often a daemon tries to make a control socket anew that is lost and cannot be made yet. */
export const SOCKET_CHECK_MS = 500;
/** How long a starting daemon waits for the lock of one that was just killed. */
export const LOCK_TIMEOUT_MS = 5_000;
/** How long a daemon that was told to stop waits for running requests. */
export const DRAIN_TIMEOUT_MS = 30_000;
/** Log of a detached daemon: when it is full it becomes `.old`, so that both are twice this at most. */
export const LOG_BYTES_MAX = 16 << 20;
/** Lines that wait for a full disk to have room again; what comes on top is lost. */
export const LOG_PENDING_BYTES_MAX = 1 << 20;
/** How long a command waits for the answer to a question; a daemon that lives answers at once. */
export const ANSWER_TIMEOUT_MS = 20_000;
/** Two signals within this time are one request to stop; a later second one ends at once. */
export const SECOND_SIGNAL_MS_MIN = 1_000;
/** Connections to the metrics address: a few scrapers. */
export const METRICS_CONNECTIONS_MAX = 16;
/** How long a scraper may take to send its request: one packet. */
export const METRICS_REQUEST_TIMEOUT_MS = 10_000;
/** How long a connection to the metrics address stays between requests: scrapers come every 15 to 30 seconds. */
export const METRICS_KEEP_ALIVE_MS = 30_000;
/** A CRI pull request that is looked into; real ones are below 100 KiB. */
export const PULL_REQUEST_BYTES_MAX = 1 << 20;
/** Calls of one connection to the image service at the same time; more wait. */
export const STREAMS_PER_CONNECTION_MAX = 1000;
/** How long containerd may take to accept a connection of the image service. */
export const UPSTREAM_CONNECT_TIMEOUT_MS = 5_000;
/** Repositories whose credentials are remembered: images of a node. */
export const REPOSITORIES_REMEMBERED_MAX = 2048;
/** Different credentials for one repository, tried one after the other: so many that pulls have proven, and so many others. */
export const CREDENTIALS_PER_REPOSITORY_MAX = 4;
/** Remembered credentials, sealed: 2048 times four tokens of 4 KiB. */
export const SEALED_BYTES_MAX = 64 << 20;
/** Days for which a pull's credentials are remembered after the last pull. */
export const REMEMBER_DAYS_DEFAULT = 30;
/** Registries of which `shoal status` says how they like our credentials. */
export const CREDENTIAL_STATES_MAX = 1000;
/** Files that a containerd configuration imports; more is a mistake in its pattern. */
export const CONTAINERD_IMPORTS_MAX = 64;
/** How long `shoal doctor` waits for `containerd config dump`: it reads files and ends. */
export const CONTAINERD_DUMP_MS_MAX = 10_000;
/** How long `shoal doctor` waits for an answer of containerd or of the snapshotter's socket. */
export const SOCKET_ANSWER_MS_MAX = 5_000;
/** How long an upgrade waits for a service manager to start the new daemon, then the old one again. */
export const RESTART_TIMEOUT_MS = 60_000;
/** How long a daemon that replaces another one waits for it to leave: running requests are finished. */
export const REPLACE_TIMEOUT_MS = 60_000;
/** Codec threads of a daemon end after so long without a job: 13 MiB each, and 50 ms to start one again. */
export const CODEC_IDLE_MS = 60_000;
/**
 * How long after it did something a daemon gives memory back. Longer than codec threads stay, which leave
 * some behind.
 */
export const TRIM_AFTER_MS = 75_000;
/** So many bytes more than after the last time are worth it: a collection takes 0.1 s. */
export const TRIM_BYTES_MIN = 8 << 20;
/** Share of the time in which the main thread may have been busy meanwhile. */
export const TRIM_LOAD_MAX = 0.05;
/** How often the caches are looked at for what may go. */
export const COLLECT_INTERVAL_MS = 60_000;
/** Use of the cache's disk above which unused blobs go: below where kubelet begins to evict pods. */
export const CACHE_HIGH_PERCENT_DEFAULT = 85;
/** Where that ends. */
export const CACHE_LOW_PERCENT_DEFAULT = 80;
/**
 * How long calls of kubelet may go on when the daemon stops: most end at once, and a pull that takes
 * minutes is asked for again.
 */
export const IMAGE_SERVICE_DRAIN_MS = 5_000;
/** A peer that stops lets what it has promised to others leave for so long; who is slower asks others. */
export const PEER_DRAIN_MS = 5_000;
/** What is kept for other hosts unless configured: the stored bytes of some large images. */
export const PEER_BYTES_MAX_DEFAULT = 20 * 2 ** 30;
/** A thread that only others need may end: it starts within milliseconds. */
export const PEER_CODEC_IDLE_MS = 60_000;
/** Repositories whose origins stay open for other hosts. */
export const ORIGINS_OPEN_MAX = 256;
/** A problem of sharing that lasts is logged again after so long: often enough to be found, and no flood. */
export const PEER_PROBLEM_AGAIN_MS = 60_000;
/** Problems of which is remembered that they were logged. */
export const PEER_PROBLEMS_MAX = 256;
/** Rules that say which registries a host fetches from for others. */
export const ORIGINS_MAX = 1000;
/** How often names of services are looked up unless configured: as long as cluster DNS answers are kept. */
export const DISCOVERY_SECONDS_DEFAULT = 15;
/** The longest time between two. */
export const DISCOVERY_SECONDS_MAX = 3600;
/** How long a starting daemon waits for its node's labels, all tries together: its mounts come back after them. */
export const NODE_LABELS_MS_MAX = 5_000;
/** One try: an API server that is well answers within milliseconds, another replica may be the next one. */
export const NODE_LABELS_TRY_MS = 2_000;
/** Before the second try; twice as long before each further one. */
export const NODE_LABELS_PAUSE_MS = 100;
/** A node as the API answers it: etcd keeps none above 1.5 MiB. */
export const NODE_ANSWER_BYTES_MAX = 4 << 20;
/** A token or the authorities of a service account: a few KiB. */
export const SERVICE_ACCOUNT_FILE_BYTES_MAX = 256 << 10;
/** Characters of a label's value, as Kubernetes has it. */
export const LABEL_VALUE_LENGTH_MAX = 63;
/** Of the waits of readers that trackers are told: their last one or two such periods. */
export const RECENT_MISSES_MS = 60_000;
/** Bytes a second to all standard clients together, unless the configuration says otherwise: they come last. */
export const PLAIN_BYTES_PER_SECOND_DEFAULT = 32 << 20;
/** Repositories and URLs whose blobs programs of this host read through it. */
export const SHARED_BLOBS_OPEN_MAX = 64;
/** One read of a blob through the control socket: what a get asks for at a time. */
export const BLOB_READ_BYTES_MAX = 8 << 20;
/** How often connections to the API are looked at that take too long: those hold places of others until then. */
export const API_CONNECTIONS_CHECK_MS = 1000;
/** Connections to the API: some programs of this host. */
export const API_CONNECTIONS_MAX = 64;
/** A request to the API: a reference or a URL, and a path. */
export const API_BODY_BYTES_MAX = 64 << 10;
/** Headers of a request to the API. */
export const API_HEADER_BYTES_MAX = 16 << 10;
/** How long a handshake with the API, or the head of a request, may take: programs of this host, or near it. */
export const API_HEAD_TIMEOUT_MS = 5_000;
/** How long the whole request may take, with a body of some KiB. */
export const API_REQUEST_TIMEOUT_MS = 10_000;
/** How long a connection to the API stays between requests: who waits for an order asks each second or so. */
export const API_KEEP_ALIVE_MS = 5_000;
/** Gets at the same time; each reads and writes 16 MiB ahead at most. */
export const GETS_RUNNING_MAX = 2;
/** Gets that wait for their turn; who asks for more is told to come again. */
export const GETS_WAITING_MAX = 64;
/** Gets that are over and can still be asked for. */
export const GETS_KEPT_MAX = 256;
/** For how long. */
export const GETS_KEPT_MS = 3_600_000;
/** Files that the view of a get names; the others are counted. */
export const GET_FILES_SHOWN_MAX = 1000;
/** A file that holds the token of the API. */
export const API_TOKEN_BYTES_MAX = 4096;
/** Registries, beginnings of repositories and web servers that gets of the API may name. */
export const API_SOURCES_MAX = 1000;
