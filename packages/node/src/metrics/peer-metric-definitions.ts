/** Metrics of a host among its peers. */
import type { MetricDefinition } from './metric-set.ts';

/** Within a rack a block takes about a millisecond; one that takes seconds was waited for at an origin. */
const BLOCK_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];

export const PEER_METRIC = {
  peerBytes: {
    name: 'shoal_peer_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Stored bytes that were read of blobs that are shared with other hosts; absent where none are',
    labels: {
      source:
        '`store`: held here; `rack`, `zone`, `other`: from hosts; `origin`: from registries, for this host and for others',
      cause: '`demand`, `preheat`, `prefetch`, `background`: who wanted them',
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
  peerUploadedBytes: {
    name: 'shoal_peer_uploaded_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Stored bytes that were sent to hosts',
  },
  peerUploadsRefused: {
    name: 'shoal_peer_uploads_refused_total',
    kind: 'counter',
    unit: 'requests',
    help: 'Blocks that hosts asked for in vain',
    labels: {
      reason:
        '`busy`: too many wait already; `unavailable`: it is not here, nor fetched for others',
    },
  },
  peerBlocksAsked: {
    name: 'shoal_peer_blocks_asked_total',
    kind: 'counter',
    unit: 'requests',
    help: 'Blocks of up to 128 KiB that were asked of hosts',
    labels: {
      reason:
        '`holder`: it has the block; `home`: it is to fetch it; `hedge`: whoever was asked first is late',
    },
  },
  peerBlocks: {
    name: 'shoal_peer_blocks_total',
    kind: 'counter',
    unit: 'requests',
    help: 'How the asks of blocks ended; fewer than were asked while some are under way',
    labels: {
      outcome:
        '`answered`; `overtaken`: somebody else answered first; `busy`, `unavailable`: it refused;' +
        ' `late`: it lives and was too slow; `silent`: nothing was heard of it; `lost`: there is no wire' +
        ' to it; `unwanted`: the reader has gone, or has found somebody better',
    },
  },
  peerBlockSeconds: {
    name: 'shoal_peer_block_duration_seconds',
    kind: 'histogram',
    unit: 'seconds',
    help: 'How long blocks took that came from hosts, with the dial where there was no wire',
    labels: { distance: '`rack`, `zone`, `other`' },
    buckets: BLOCK_SECONDS,
  },
  peerBans: {
    name: 'shoal_peer_bans_total',
    kind: 'counter',
    unit: 'none',
    help: 'Times a host was left out for a while',
    labels: {
      offence:
        '`late`, `silent`; `suspect`: it, or another one, may have sent wrong bytes; `lied`: it certainly did',
    },
  },
  peerWrongBytes: {
    name: 'shoal_peer_wrong_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Stored bytes in ranges that were not what their digest says; nobody has read them',
    labels: {
      source: '`host`: hosts sent some of them; `origin`: a registry did; `store`: held here',
    },
  },
  peerArrivalsRefused: {
    name: 'shoal_peer_arrivals_refused_total',
    kind: 'counter',
    unit: 'requests',
    help: 'Connections to the peer port that were sent away',
    labels: {
      reason:
        '`token`: it is wrong, over, or does not cover the repository; `handshake`: no certificate of the' +
        ' cluster, or broken rules; `unshared`: the blob is not shared here, or there are too many wires',
    },
  },
  peerDialsFailed: {
    name: 'shoal_peer_dials_failed_total',
    kind: 'counter',
    unit: 'requests',
    help: 'Wires to hosts that did not come about',
    labels: { reason: '`unreachable`: nobody answered; `refused`: the host did not want it' },
  },
  peerHomeReads: {
    name: 'shoal_peer_home_reads_total',
    kind: 'counter',
    unit: 'reads',
    help: 'Ranges that this host has read of registries for other hosts',
    labels: { outcome: '`done`, `failed`' },
  },
  peerHomeBytes: {
    name: 'shoal_peer_home_bytes_total',
    kind: 'counter',
    unit: 'bytes',
    help: 'Stored bytes that came from registries for other hosts',
  },
} as const satisfies Record<string, MetricDefinition>;
