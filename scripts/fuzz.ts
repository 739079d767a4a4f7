/**
 * Fuzzes the decoders: `npm run fuzz -- [--seconds N] [--seed S] [--list] [target...]`.
 *
 * Each target gets its share of the time. A finding is written to a file with its seed, so that it
 * can be made a test; the exit code is then 1.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { collectTargets, type Finding, fuzzTarget } from './fuzzing/fuzz-run.ts';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 0xffffffff) },
      list: { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed);
  const seconds = Number(values.seconds);
  if (!Number.isInteger(seed) || !(seconds > 0)) {
    console.error('fuzz: --seed wants a whole number, --seconds a number above 0');
    return 2;
  }
  const all = await collectTargets();
  const chosen = all.filter(
    ({ fullName }) =>
      positionals.length === 0 || positionals.some((text) => fullName.startsWith(text)),
  );
  if (chosen.length === 0) {
    console.error(`fuzz: no such target; there are: ${all.map((t) => t.fullName).join(', ')}`);
    return 2;
  }
  if (values.list) {
    for (const { fullName } of chosen) console.log(fullName);
    return 0;
  }
  const milliseconds = (seconds * 1000) / chosen.length;
  let findings = 0;
  for (const target of chosen) {
    const report = await fuzzTarget(target, { milliseconds, seed });
    console.log(`${target.fullName}: ${report.rounds} inputs, seed ${seed}`);
    if (report.finding === undefined) continue;
    findings += 1;
    console.log(`  ${report.finding.problem}\n  input: ${saveFinding(report.finding)}`);
  }
  console.log(`${chosen.length} targets, ${findings} findings`);
  return findings === 0 ? 0 : 1;
}

function saveFinding(finding: Finding): string {
  const directory = mkdtempSync(join(tmpdir(), 'shoal-fuzz-'));
  const path = join(directory, `${finding.target.replaceAll('/', '-')}.bin`);
  writeFileSync(path, finding.input);
  return path;
}

process.exitCode = await main();
