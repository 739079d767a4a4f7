/**
 * Every metric of the daemon: docs/metrics.md is written from this table. Labels take few values
 * that are known before: never the name of an image, a registry, a container or a path.
 */
import type { MetricDefinition } from './metric-set.ts';
import { PEER_METRIC } from './peer-metric-definitions.ts';
import { PROCESS_METRIC } from './process-metrics.ts';
import { PROXY_METRIC } from './proxy-metrics.ts';

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
  ...PEER_METRIC,
  ...PROXY_METRIC,
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
  ...PROCESS_METRIC,
} as const satisfies Record<string, MetricDefinition>;
