/**
 * `npm run bench -- SCENARIO [--small] [--runs N] [--save]`: measures Shoal beside what a user would
 * pick instead, in one run, and prints ratios. `--save` puts the table and its JSON into
 * bench/results/ under today's date. Times are never asserted anywhere.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatReport, makeReport } from './harness/report.ts';
import type { Scenario } from './harness/scenario.ts';
import { convertScenario } from './scenario/convert.bench.ts';
import { missScenario } from './scenario/miss.bench.ts';
import { mountScenario } from './scenario/mount.bench.ts';
import { snapshotsScenario } from './scenario/snapshots.bench.ts';
import { startScenario } from './scenario/start.bench.ts';

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  convert: convertScenario,
  mount: mountScenario,
  miss: missScenario,
  start: startScenario,
  snapshots: snapshotsScenario,
};

const USAGE = `usage: npm run bench -- SCENARIO [--small] [--runs N] [--save]
${Object.entries(SCENARIOS)
  .map(([name, { summary }]) => `  ${name.padEnd(8)} ${summary}`)
  .join('\n')}`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      small: { type: 'boolean', default: false },
      runs: { type: 'string' },
      save: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [name = ''] = positionals;
  const scenario = SCENARIOS[name];
  const runs = Number(values.runs ?? (values.small ? 1 : 3));
  if (values.help || scenario === undefined || !Number.isInteger(runs) || runs < 1 || runs > 100) {
    console.error(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  // On the disk, not in a tmpfs: EROFS refuses metadata files there, and ext4 is the reference.
  const directory = mkdtempSync('/var/tmp/shoal-bench-');
  try {
    const say = (text: string) => console.error(`# ${text}`);
    const result = await scenario.run({ isSmall: values.small, runs, say }, directory);
    const report = makeReport(name, result);
    const table = formatReport(report);
    console.log(table);
    if (values.save) save(`${report.date.slice(0, 10)}-${name}`, table, report);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function save(stem: string, table: string, report: unknown): void {
  const results = join(import.meta.dirname, 'results');
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${stem}.md`), table);
  writeFileSync(join(results, `${stem}.json`), `${JSON.stringify(report, undefined, 2)}\n`);
}

await main();
