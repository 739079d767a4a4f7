/**
 * A thousand and ten thousand hosts that start one image, simulated: deterministic events, links and
 * clocks are models, every decision is made by the classes of `@shoal/p2p-peer/select` themselves.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Row, ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { CLUSTER, type Cluster } from '../scale/cluster.ts';
import { plotDone } from '../scale/plot.ts';
import { type ClusterResult, runCluster } from '../scale/run-cluster.ts';
import { SITUATIONS, type Situation, situationsOf } from '../scale/situations.ts';

export const scaleScenario: Scenario = {
  summary: '1,000 and 10,000 simulated hosts start one image: origin egress, times, messages',
  runs: 1,
  parts: ['1000', '1000-long', '10000'],
  run,
};

type Size = Pick<Cluster, 'hosts' | 'pieces'> & { readonly situations: readonly Situation[] };

const SIZES: Readonly<Record<string, Size>> = {
  1000: { hosts: 1000, pieces: 16, situations: SITUATIONS },
  '1000-long': {
    ...{ hosts: 1000, pieces: 64 },
    situations: situationsOf('all at once'),
  },
  10000: {
    ...{ hosts: 10_000, pieces: 8 },
    situations: situationsOf('all at once', '10 % die midway', '5 % at 10 Mbit/s', '4 zones'),
  },
};
const SMALL: Size = { hosts: 60, pieces: 6, situations: SITUATIONS };
const EGRESS_BAR = '<= 1.2';

async function run(options: ScenarioOptions): Promise<ScenarioResult> {
  const sizes = options.isSmall
    ? { small: SMALL }
    : Object.fromEntries(Object.entries(SIZES).filter(([name]) => (options.only ?? name) === name));
  const done: ScenarioResult[] = [];
  for (const [name, size] of Object.entries(sizes)) {
    done.push(await runSize(name, size, options));
  }
  const [first, ...others] = done;
  if (first === undefined) throw new RangeError('no size');
  return { ...first, rows: [first, ...others].flatMap(({ rows }) => rows) };
}

async function runSize(
  name: string,
  { hosts, pieces, situations }: Size,
  { say, keep }: ScenarioOptions,
): Promise<ScenarioResult> {
  const results: ClusterResult[] = [];
  for (const situation of situations) {
    // An interruption is heard between two situations.
    await nextTurn();
    const startedAtMs = performance.now();
    const result = runCluster(situation.name, { ...CLUSTER, hosts, pieces, ...situation.changes });
    const tookMs = performance.now() - startedAtMs;
    say(`${hosts} hosts, ${situation.name}: ${summary(result)}, ${(tookMs / 1000).toFixed(1)} s`);
    results.push(result);
    keep(resultOf(name, { hosts, pieces, situations }, results));
  }
  return resultOf(name, { hosts, pieces, situations }, results);
}

function resultOf(
  name: string,
  { hosts, pieces }: Size,
  results: readonly ClusterResult[],
): ScenarioResult {
  const title = `${hosts.toLocaleString('en')} hosts, ${pieces} MiB each`;
  return {
    parameters: {
      'link of a host': `${(CLUSTER.hostBytesPerMs * 8) / 1e6} Gbit/s each way`,
      origin: `${(CLUSTER.originBytesPerMs * 8) / 1e6} Gbit/s, ${CLUSTER.originLatencyMs} ms`,
      seeds: `${CLUSTER.seedsPerZone} a zone, empty`,
      'reads of a host at a time': CLUSTER.parallelReads,
    },
    rows: results.flatMap((result) => rowsOf(title, result)),
    notes: [
      'Simulated, the same in every run; times are of the simulated clock. Reads are of 1 MiB, the same in the same order on every host.',
      'Origin bytes: by what one host reads, in the worst zone. Messages: asks, refusals, cancellations, what is held.',
    ],
    files: { [`-${name}.svg`]: plotDone(`Hosts that have everything: ${title}`, results) },
  };
}

function summary({ egressOfZones, hostMs, unfinished }: ClusterResult): string {
  const egress = egressOfZones.map((each) => each.toFixed(2)).join('/');
  const [p50, p99, last] = hostMs.map((ms) => ms.toFixed(0));
  return `origin ${egress}, hosts ${p50}/${p99}/${last} ms, ${unfinished} unfinished`;
}

function rowsOf(title: string, result: ClusterResult): Row[] {
  const row = (what: string, value: number, unit: string, bar?: string): Row => ({
    work: `${title}, ${result.name}: ${what}`,
    contestant: 'simulation',
    ...{ value, unit },
    ...(bar === undefined ? {} : { bar }),
  });
  return [
    row('origin bytes', result.egress, 'x', EGRESS_BAR),
    row('first read, p50', result.firstReadMs[0], 'ms'),
    row('first read, p99', result.firstReadMs[1], 'ms'),
    row('all of a host, p50', result.hostMs[0], 'ms'),
    row('all of a host, p99', result.hostMs[1], 'ms'),
    row('all of a host, last', result.hostMs[2], 'ms'),
    row('tracker, busiest second', result.announcesPerSecond, 'announces'),
    row('messages of a host', result.messagesPerHost, ''),
    row('moved in vain', result.wastedPercent, '%'),
    row('unfinished', result.unfinished, 'hosts', '0'),
    ...(result.withheldBlocks === undefined
      ? []
      : [row('asked of one that refuses, by each host', result.withheldBlocks, 'blocks')]),
  ];
}
