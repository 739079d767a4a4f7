/** What `GET /v1/swarm` tells: everything the page shows. */
import type { HostRole } from '../identity/host.ts';
import type { PREHEAT_STATES, TransferRates } from './host-report.ts';

export type HostView = {
  readonly host: string;
  readonly role: HostRole;
  readonly zone: string;
  readonly rack: string;
  readonly address: string;
  readonly version: string;
  readonly silentMs: number;
  readonly rates: TransferRates;
  readonly missMs: { readonly p50: number; readonly p99: number } | undefined;
  readonly blobs: number;
  readonly heldBytes: number;
};

export type HolderView = { readonly host: string; readonly heldBytes: number };

export type BlobView = {
  readonly blob: string;
  readonly name: string;
  readonly repository: string;
  readonly sizeBytes: number;
  /** Hosts that have all of it, and part of it. */
  readonly complete: number;
  readonly partial: number;
  /** Of all hosts together. */
  readonly heldBytes: number;
  readonly holders: readonly HolderView[];
};

export type PreheatHostView = {
  readonly host: string;
  readonly state: (typeof PREHEAT_STATES)[number];
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly message?: string | undefined;
};

export type PreheatView = {
  readonly id: string;
  readonly reference: string;
  readonly platform: string | undefined;
  readonly createdAtMs: number;
  readonly isCancelled: boolean;
  /** Hosts by state. */
  readonly counts: Readonly<Record<(typeof PREHEAT_STATES)[number], number>>;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Those that are not done first. */
  readonly hosts: readonly PreheatHostView[];
};

export type SwarmOverview = {
  readonly nowMs: number;
  readonly startedAtMs: number;
  readonly totals: {
    readonly hosts: number;
    readonly seeds: number;
    readonly zones: number;
    readonly swarms: number;
    readonly peers: number;
    readonly blobs: number;
    readonly rates: TransferRates;
  };
  /** By zone, rack and name. */
  readonly hosts: readonly HostView[];
  /** Those that most hosts have first. */
  readonly blobs: readonly BlobView[];
  /** The newest first. */
  readonly preheats: readonly PreheatView[];
  /** By the 99th percentile of their misses. */
  readonly slowest: readonly {
    readonly host: string;
    readonly p50: number;
    readonly p99: number;
  }[];
};
