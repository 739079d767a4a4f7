/** Writes what the page shows. Bounded: of more hosts or blobs only the number is told. */
import { NO_RATES } from '../host-report.ts';
import {
  SHOWN_BLOBS_MAX,
  SHOWN_HOLDERS_MAX,
  SHOWN_HOSTS_MAX,
  SHOWN_PREHEATS_MAX,
  SHOWN_SLOWEST_MAX,
} from '../limits.ts';
import type {
  BlobView,
  HolderView,
  HostView,
  PreheatView,
  SwarmOverview,
} from '../swarm-overview.ts';
import type { KnownBlob } from './known-blobs.ts';
import type { Preheat, PreheatTable } from './preheat-table.ts';
import type { Holding, TrackedHost } from './swarm-peer.ts';
import { totalRates } from './total-rates.ts';
import type { TrackedSwarms } from './tracked-swarms.ts';

export function renderSwarm(
  table: TrackedSwarms,
  preheats: PreheatTable,
  { nowMs, startedAtMs }: { readonly nowMs: number; readonly startedAtMs: number },
): SwarmOverview {
  const hosts = [...table.hosts.values()];
  const blobs = blobViews(hosts);
  return {
    nowMs,
    startedAtMs,
    totals: {
      hosts: hosts.length,
      seeds: hosts.filter(({ facts }) => facts.role === 'seed').length,
      zones: new Set(hosts.map(({ facts }) => facts.zone)).size,
      swarms: table.swarmCount,
      peers: table.peerCount,
      blobs: blobs.length,
      rates: totalRates(hosts),
    },
    hosts: hosts
      .sort(byPlace)
      .slice(0, SHOWN_HOSTS_MAX)
      .map((host) => hostView(host, nowMs)),
    blobs: blobs.slice(0, SHOWN_BLOBS_MAX),
    preheats: preheats.list().slice(0, SHOWN_PREHEATS_MAX).map(preheatView),
    slowest: slowestOf(hosts),
  };
}

function byPlace({ facts: left }: TrackedHost, { facts: right }: TrackedHost): number {
  return (
    compare(left.zone, right.zone) ||
    compare(left.rack, right.rack) ||
    compare(left.host, right.host)
  );
}

function compare(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function hostView(host: TrackedHost, nowMs: number): HostView {
  const { facts, version, seenAtMs, report, held } = host;
  return {
    ...facts,
    version,
    silentMs: Math.max(0, nowMs - seenAtMs),
    rates: report?.rates ?? NO_RATES,
    missMs: report?.missMs,
    blobs: held.size,
    heldBytes: [...held.values()].reduce((sum, { heldBytes }) => sum + heldBytes, 0),
  };
}

type Holder = HolderView & Holding;

function blobViews(hosts: readonly TrackedHost[]): BlobView[] {
  const holders = new Map<KnownBlob, Holder[]>();
  for (const { facts, held } of hosts) {
    for (const [blob, holding] of held) {
      const known = holders.get(blob) ?? [];
      known.push({ host: facts.host, ...holding });
      holders.set(blob, known);
    }
  }
  return [...holders]
    .sort(([, left], [, right]) => right.length - left.length)
    .map(([blob, list]) => blobView(blob, list));
}

function blobView(blob: KnownBlob, holders: readonly Holder[]): BlobView {
  const complete = holders.filter(({ isWhole }) => isWhole).length;
  const [repository = ''] = blob.repositories;
  return {
    blob: blob.blobId,
    name: blob.name,
    repository,
    sizeBytes: blob.sizeBytes,
    complete,
    partial: holders.length - complete,
    heldBytes: holders.reduce((sum, { heldBytes }) => sum + heldBytes, 0),
    holders: holders
      .toSorted((left, right) => right.heldBytes - left.heldBytes)
      .slice(0, SHOWN_HOLDERS_MAX)
      .map(({ host, heldBytes }) => ({ host, heldBytes })),
  };
}

export function preheatView({ id, order, createdAtMs, hosts, isCancelled }: Preheat): PreheatView {
  const all = [...hosts.values()];
  const counts = { waiting: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
  for (const { state } of all) counts[state] += 1;
  const rank = { failed: 0, running: 1, waiting: 2, cancelled: 3, done: 4 };
  return {
    id,
    reference: order.reference,
    platform: order.platform,
    createdAtMs,
    isCancelled,
    counts,
    bytesDone: all.reduce((sum, { bytesDone }) => sum + bytesDone, 0),
    bytesTotal: all.reduce((sum, { bytesTotal }) => sum + bytesTotal, 0),
    hosts: all
      .sort((left, right) => rank[left.state] - rank[right.state] || compare(left.host, right.host))
      .slice(0, SHOWN_HOLDERS_MAX),
  };
}

function slowestOf(hosts: readonly TrackedHost[]): SwarmOverview['slowest'] {
  return hosts
    .flatMap(({ facts, report }) =>
      report?.missMs === undefined ? [] : [{ host: facts.host, ...report.missMs }],
    )
    .sort((left, right) => right.p99 - left.p99)
    .slice(0, SHOWN_SLOWEST_MAX);
}
