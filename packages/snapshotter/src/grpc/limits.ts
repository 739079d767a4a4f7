/** Every maximum of the gRPC server, each with its reason. */

/** Of a request: a name and all labels a snapshot may have, several times over. */
export const MESSAGE_BYTES_MAX = 4 << 20;
/** Snapshots in one message of a listing, as containerd's own service sends them. */
export const LIST_BATCH_MAX = 100;
/** Bytes of one message of a listing, far below the 16 MiB that containerd takes. */
export const LIST_BATCH_BYTES_MAX = 1 << 20;
/** Requests under way on one connection; containerd has one connection. */
export const STREAMS_MAX = 1000;
/** `sun_path` of unix(7) without its terminating zero. */
export const SOCKET_PATH_BYTES_MAX = 107;
/** How long a server that closes waits for requests under way. */
export const DRAIN_TIMEOUT_MS = 30_000;
/** One answer of containerd's content store: it puts 100 entries into one, each with its labels. */
export const CONTENT_MESSAGE_BYTES_MAX = 64 << 20;
