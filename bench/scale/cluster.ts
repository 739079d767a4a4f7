/** What a simulated cluster is like: hosts, links, the origin, and what goes wrong when. */

export type Cluster = {
  readonly hosts: number;
  /** MiB that every host reads, in the same order; one piece is a read of 1 MiB. At most 64. */
  readonly pieces: number;
  /** Reads that a host has under way at a time. */
  readonly parallelReads: number;
  /** Hosts start within this time, evenly. */
  readonly startSpreadMs: number;
  readonly zones: number;
  readonly rackHosts: number;
  /** In each zone that has seeds. */
  readonly seedsPerZone: number;
  /** Only these zones have seeds; the others use them. @default all */
  readonly seedZones?: number;
  /** Bytes a millisecond of a host, each way. */
  readonly hostBytesPerMs: number;
  readonly slowShare: number;
  readonly slowBytesPerMs: number;
  readonly originBytesPerMs: number;
  readonly originLatencyMs: number;
  /** Above, it answers 429 with `Retry-After: 1`. */
  readonly originRequestsPerSecond: number;
  /** Of messages and blocks: they come 200 ms late, as TCP sends them again. */
  readonly lossShare: number;
  /** Hosts that die, half of them without a word, evenly between these times. */
  readonly churnShare: number;
  readonly churnFromMs: number;
  readonly churnUntilMs: number;
  /** All seeds die then, without a word. */
  readonly seedsDieAtMs?: number;
  /** Of hosts whose every byte is wrong. */
  readonly liarShare: number;
  /** Of hosts that say what they hold and refuse to give it. */
  readonly withholderShare: number;
  /** Zones cannot reach each other until then; all reach the origin. */
  readonly partitionUntilMs: number;
  readonly seed: number;
};

export const MIB = 1 << 20;
const GIGABIT = 125_000_000 / 1000;

/** Hosts send 400 MB/s, what one JavaScript thread does over TLS; the origin has 10 Gbit/s. */
export const CLUSTER: Cluster = {
  hosts: 1000,
  pieces: 64,
  parallelReads: 4,
  startSpreadMs: 50,
  zones: 1,
  rackHosts: 40,
  seedsPerZone: 3,
  hostBytesPerMs: 400_000,
  slowShare: 0,
  slowBytesPerMs: GIGABIT / 100,
  originBytesPerMs: 10 * GIGABIT,
  originLatencyMs: 30,
  originRequestsPerSecond: 1000,
  lossShare: 0,
  churnShare: 0,
  churnFromMs: 100,
  churnUntilMs: 600,
  liarShare: 0,
  withholderShare: 0,
  partitionUntilMs: 0,
  seed: 1,
};

/** One way, in milliseconds. */
export const ONE_WAY_MS = { rack: 0.1, zone: 0.25, other: 1 } as const;
/** When TCP sends again what was lost. */
export const RESEND_MS = 200;
/** TLS with certificates on both sides, of the accepting host's one thread. */
export const HANDSHAKE_MS = 1;
/** Digest of a chunk and decompression, before it may be told of. */
export const VERIFY_MS = 1;
/** What is held is told to neighbours so much later, many pieces in one message. */
export const HAVE_DELAY_MS = 5;
/** Who does not answer a dial counts as gone then (`DIAL_TIMEOUT_MS` of the product). */
export const DIAL_DEADLINE_MS = 1000;
/** A reader bears the silence of one that is being dialled from then on, long before. */
export const DIAL_PATIENCE_MS = 40;
export const HANDSHAKE_DEADLINE_MS = 500;
/** Trackers notice that a host is gone. */
export const TRACKER_FORGETS_MS = 10_000;
