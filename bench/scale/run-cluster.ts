/** Runs one simulated cluster and tells what came of it. */
import { quantile } from '../harness/figures.ts';
import { type Cluster, MIB } from './cluster.ts';
import { World } from './world.ts';

export type ClusterResult = {
  readonly name: string;
  /** What one host reads went to the origin so many times, in the worst zone. */
  readonly egress: number;
  /** Where it is not the same everywhere: of each zone. */
  readonly egressOfZones: readonly number[];
  readonly firstReadMs: readonly [p50: number, p99: number];
  readonly readMs: readonly [p50: number, p99: number];
  /** From a host's start until it has everything. */
  readonly hostMs: readonly [p50: number, p99: number, last: number];
  /** From the first host's start. */
  readonly allDoneMs: number;
  readonly announcesPerSecond: number;
  readonly messagesPerHost: number;
  /** Bytes from peers that were here already, of all from peers, in percent. */
  readonly wastedPercent: number;
  /** Blocks that one host asked of one that refuses all; undefined where there is none. */
  readonly withheldBlocks: number | undefined;
  /** Hosts that live and had not finished after the limit. */
  readonly unfinished: number;
  readonly events: number;
  /** When hosts finished, ascending. */
  readonly doneAtMs: readonly number[];
};

/** Of the simulated clock. */
const LIMIT_MS = 180_000;

export function runCluster(name: string, cluster: Cluster): ClusterResult {
  const world = new World(cluster);
  world.run(LIMIT_MS);
  const { figures, tracker } = world;
  const egressOfZones = [...figures.originBytesOfZone]
    .toSorted()
    .map(([, bytes]) => bytes / (cluster.pieces * MIB));
  const doneAtMs = figures.doneAtMs.toSorted((a, b) => a - b);
  return {
    name,
    egress: Math.max(...egressOfZones),
    egressOfZones,
    firstReadMs: [quantile(figures.firstReadMs, 0.5), quantile(figures.firstReadMs, 0.99)],
    readMs: [quantile(figures.readMs, 0.5), quantile(figures.readMs, 0.99)],
    hostMs: [
      quantile(figures.hostMs, 0.5),
      quantile(figures.hostMs, 0.99),
      quantile(figures.hostMs, 1),
    ],
    allDoneMs: doneAtMs.at(-1) ?? Number.NaN,
    announcesPerSecond: Math.max(...tracker.perSecond.map((count) => count ?? 0)),
    messagesPerHost: figures.messages / cluster.hosts,
    wastedPercent: (100 * figures.wastedBytes) / Math.max(1, figures.peerBytes),
    withheldBlocks: withheldBlocksOf(world),
    unfinished: world.unfinished,
    events: world.events.count,
    doneAtMs,
  };
}

function withheldBlocksOf({ figures, hosts }: World): number | undefined {
  const count = hosts.filter(({ traits }) => traits.isWithholder).length;
  return count === 0 ? undefined : figures.withheld / count / hosts.length;
}
