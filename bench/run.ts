/**
 * `npm run bench -- SCENARIO [--small] [--runs N] [--only PART] [--count N] [--seed N] [--save]`: measures Shoal beside what
 * a user would pick instead, in one run, and prints ratios. `--save` puts the table and its JSON into
 * bench/results/ under today's date. A scenario with parts can be measured part by part: its rows of
 * work that is not measured in this run stay there. Times are never asserted anywhere.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commitOf } from '../scripts/test-runner/long-report.ts';
import { mountsBelow } from '../test/support/own-daemon.ts';
import { REPOSITORY_ROOT } from './harness/input.ts';
import {
  formatReport,
  makeReport,
  mergeReports,
  parseReport,
  type Report,
  type ScenarioResult,
} from './harness/report.ts';
import type { Scenario } from './harness/scenario.ts';
import { disposeOpenScopes } from './harness/scope.ts';
import { convertScenario } from './scenario/convert.bench.ts';
import { fanOutScenario } from './scenario/fan-out.bench.ts';
import { missScenario } from './scenario/miss.bench.ts';
import { mountScenario } from './scenario/mount.bench.ts';
import { peerMissScenario } from './scenario/peer-miss.bench.ts';
import { peersScenario } from './scenario/peers.bench.ts';
import { proxyScenario } from './scenario/proxy.bench.ts';
import { scaleScenario } from './scenario/scale.bench.ts';
import { snapshotsScenario } from './scenario/snapshots.bench.ts';
import { startScenario } from './scenario/start.bench.ts';

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  convert: convertScenario,
  mount: mountScenario,
  miss: missScenario,
  start: startScenario,
  snapshots: snapshotsScenario,
  peers: peersScenario,
  'peer-miss': peerMissScenario,
  'fan-out': fanOutScenario,
  scale: scaleScenario,
  proxy: proxyScenario,
};

const USAGE = `usage: npm run bench -- SCENARIO [--small] [--runs N] [--only PART] [--count N] [--seed N] [--save]
${Object.entries(SCENARIOS)
  .map(([name, { summary }]) => `  ${name.padEnd(9)} ${summary}`)
  .join('\n')}`;

const RUNS = 3;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      small: { type: 'boolean', default: false },
      runs: { type: 'string' },
      only: { type: 'string' },
      count: { type: 'string' },
      seed: { type: 'string' },
      save: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [name = ''] = positionals;
  const scenario = SCENARIOS[name];
  const runs = Number(values.runs ?? (values.small ? 1 : (scenario?.runs ?? RUNS)));
  const { only } = values;
  const isPart = only === undefined || scenario?.parts?.includes(only) === true;
  const isRuns = Number.isInteger(runs) && runs >= 1 && runs <= 100;
  const count = values.count === undefined ? undefined : Number(values.count);
  const seed = values.seed === undefined ? undefined : Number(values.seed);
  const isCount = count === undefined || (Number.isInteger(count) && count >= 1 && count <= 10_000);
  const isSeed = seed === undefined || Number.isInteger(seed);
  // What a small input shows is no result.
  const isUsable = isRuns && isCount && isSeed && isPart && !(values.small && values.save);
  if (values.help || scenario === undefined || !isUsable) {
    console.error(isPart ? USAGE : `${USAGE}\nparts of ${name}: ${scenario?.parts?.join(', ')}`);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  // On the disk, not in a tmpfs: EROFS refuses metadata files there, and ext4 is the reference.
  const directory = mkdtempSync('/var/tmp/shoal-bench-');
  const clear = () => clearDirectory(directory);
  endWhenInterrupted(clear);
  try {
    const say = (text: string) => console.error(`# ${text}`);
    const commit = commitOf(REPOSITORY_ROOT);
    const keep = (part: ScenarioResult): Report => {
      const report = makeReport(name, commit, part);
      if (values.save) save(report, scenario.parts !== undefined, part.files);
      return report;
    };
    const options = { isSmall: values.small, runs, only, count, seed, say, keep };
    console.log(formatReport(keep(await scenario.run(options, directory))));
  } finally {
    if (!isEnding) clear();
  }
}

/** Never through a mount that could not be taken away. */
function clearDirectory(directory: string): void {
  const mounts = mountsBelow(directory);
  if (mounts.length === 0) rmSync(directory, { recursive: true, force: true });
  else console.error(`# ${directory} stays: something is mounted at ${mounts.join(', ')}`);
}

let isEnding = false;

/** What was started goes, as at the end: registries, daemons, containers, namespaces, mounts. */
function endWhenInterrupted(clear: () => void): void {
  const end = async () => {
    if (isEnding) return;
    isEnding = true;
    console.error('# interrupted: taking away what was started');
    await disposeOpenScopes();
    clear();
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void end());
  // Who read what is said has gone.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => void end());
}

function save(report: Report, hasParts: boolean, files: ScenarioResult['files'] = {}): void {
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  const stem = join(results, `${report.date.slice(0, 10)}-${report.scenario}`);
  const merged =
    hasParts && existsSync(`${stem}.json`)
      ? mergeReports(parseReport(readFileSync(`${stem}.json`, 'utf8')), report)
      : report;
  writeFileSync(`${stem}.md`, formatReport(merged));
  writeFileSync(`${stem}.json`, `${JSON.stringify(merged, undefined, 2)}\n`);
  for (const [ending, text] of Object.entries(files)) writeFileSync(`${stem}${ending}`, text);
}

await main().catch((error: unknown) => {
  // What fails because its registry is taken away must not end the process before all is taken away.
  if (!isEnding) throw error;
});
