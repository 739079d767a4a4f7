/**
 * Every metric of the daemon: docs/metrics.md is written from this table. Labels take few values
 * that are known before: never the name of an image, a registry, a container or a path.
 */

export type MetricDefinition = {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  /** Of its values; in the name, too, as Prometheus wants it. */
  readonly unit:
    | 'seconds'
    | 'bytes'
    | 'requests'
    | 'reads'
    | 'mounts'
    | 'blobs'
    | 'images'
    | 'none';
  readonly help: string;
  /** Label names, and what they may be. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Upper bounds. */
  readonly buckets?: readonly number[];
};

const REQUEST_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const MISS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];
const DRIVER = { driver: '`blobfs`, `complete`' };
const SOURCE =
  '`registry`, also for a layout or an archive; `peer-rack`, `peer-zone`, `peer-other`: hosts by how far' +
  ' they are; `other` for names of later versions';

export const METRIC = {
  requestSeconds: {
    name: 'shoal_snapshots_request_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    help: 'Time to answer a request of containerd',
    labels: {
      operation: '`Prepare`, `View`, `Mounts`, `Commit`, ... of the snapshot service; else `other`',
      code: 'the gRPC status: `OK`, `ALREADY_EXISTS`, `UNAVAILABLE`, ...',
    },
    buckets: REQUEST_SECONDS,
  },
  fetchedBytes: {
    name: 'shoal_fetched_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Stored (compressed) bytes of blobs that crossed a wire',
    labels: { source: SOURCE, cause: '`demand`, `readahead`, `preheat`, `prefetch`, `background`' },
  },
  readBytes: {
    name: 'shoal_read_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Uncompressed bytes that the kernel asked a driver for; its page cache answers without asking',
    labels: { source: '`cache`: they were here; else who delivered them while the reader waited' },
  },
  missSeconds: {
    name: 'shoal_miss_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    help: 'How long reads of absent bytes waited; its count is the number of misses',
    labels: { outcome: '`served`, `failed`' },
    buckets: MISS_SECONDS,
  },
  stalls: {
    name: 'shoal_stalls_total',
    kind: 'counter',
    unit: 'reads',
    help: 'Reads that waited longer than a second, counted when the second is over',
  },
  reads: {
    name: 'shoal_driver_reads_total',
    kind: 'counter',
    unit: 'reads',
    help: 'Reads that the kernel sent to a driver',
    labels: { ...DRIVER, outcome: '`ready`: answered at once, `miss`: waited, `failed`: got EIO' },
  },
  waiting: {
    name: 'shoal_readers_waiting',
    kind: 'gauge',
    unit: 'reads',
    help: 'Reads that wait for bytes now',
    labels: DRIVER,
  },
  mounts: {
    name: 'shoal_mounts',
    kind: 'gauge',
    unit: 'mounts',
    help: 'Mounted images',
    labels: DRIVER,
  },
  images: {
    name: 'shoal_images',
    kind: 'gauge',
    unit: 'images',
    help: 'Images that containerd has from this snapshotter',
    labels: { kind: '`lazy`: loaded as they are read, `ordinary`: unpacked' },
  },
  cacheBytes: {
    name: 'shoal_cache_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Bytes that the files of all caches take on the disk',
  },
  cacheLimitBytes: {
    name: 'shoal_cache_limit_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'High watermark of the default cache; absent without one',
  },
  peerBytes: {
    name: 'shoal_peer_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Stored bytes of blobs that are shared with other hosts; absent where none are',
    labels: {
      source:
        '`store`: held here; `rack`, `zone`, `other`: from hosts; `origin`: from registries; `upload`: sent to hosts',
    },
  },
  peerHosts: {
    name: 'shoal_peer_hosts',
    kind: 'gauge',
    unit: 'none',
    help: 'Hosts that are believed to live, this one among them',
  },
  peerWires: {
    name: 'shoal_peer_wires',
    kind: 'gauge',
    unit: 'none',
    help: 'Open wires to other hosts, one for each blob and host',
  },
  peerStoreBytes: {
    name: 'shoal_peer_store_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Bytes that the store for other hosts takes on the disk',
  },
  evictions: {
    name: 'shoal_cache_evictions_total',
    kind: 'counter',
    unit: 'blobs',
    help: 'Blobs removed from a cache to make room or because of their age',
  },
  evictedBytes: {
    name: 'shoal_cache_evicted_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Bytes on the disk that removed blobs took',
  },
  credentialRenewals: {
    name: 'shoal_credential_renewals_total',
    kind: 'counter',
    unit: 'requests',
    help: 'Tokens and credentials asked for anew',
    labels: { outcome: '`renewed`, `failed`' },
  },
  buildInfo: {
    name: 'shoal_build_info',
    kind: 'gauge',
    unit: 'none',
    help: 'Always 1; which version this is',
    labels: { version: 'of Shoal', node: 'of Node.js' },
  },
  cpuSeconds: {
    name: 'process_cpu_seconds_total',
    kind: 'counter',
    unit: 'seconds',
    help: 'User and system CPU time of the daemon, all threads',
  },
  startSeconds: {
    name: 'process_start_time_seconds',
    kind: 'gauge',
    unit: 'seconds',
    help: 'Start of the daemon, since 1970',
  },
  residentBytes: {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the daemon',
  },
  heapBytes: {
    name: 'nodejs_heap_used_bytes',
    kind: 'gauge',
    unit: 'bytes',
    help: 'JavaScript heap of the main thread in use',
  },
  threads: {
    name: 'process_threads',
    kind: 'gauge',
    unit: 'none',
    help: 'Threads of the daemon',
  },
  openFiles: {
    name: 'process_open_fds',
    kind: 'gauge',
    unit: 'none',
    help: 'Open file descriptors of the daemon',
  },
  openFilesMax: {
    name: 'process_max_fds',
    kind: 'gauge',
    unit: 'none',
    help: 'How many it may open',
  },
} as const satisfies Record<string, MetricDefinition>;
