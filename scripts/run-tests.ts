/**
 * Runs the test suite: `node scripts/run-tests.ts [--filter TEXT] [--timeout SECONDS] [part...]`.
 *
 * Parts are check, unit, integration, mount, containerd (all by default) and long. Each test file is started
 * with Node itself and speaks TAP. Output of what failed is printed in full at the end; the last
 * line is `N passed, N failed, N skipped`. With SHOAL_TEST_STRICT=1 a skip is a failure.
 * The long part also prints the figures that its tests tell, and keeps a whole run in bench/results.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeLongReport } from './test-runner/long-report.ts';
import { isPartName, PART_NAMES, type Part, planPart, type Step } from './test-runner/parts.ts';
import { killAllGroups, type RunResult, runFile } from './test-runner/run-file.ts';
import { tapComments } from './test-runner/tap-comments.ts';
import { summarizeTap, type TapSummary } from './test-runner/tap-summary.ts';

/** How long a step of a part may take unless told otherwise: generous, the machine may be busy. */
const TIMEOUT_SECONDS = {
  check: 300,
  unit: 300,
  integration: 600,
  mount: 600,
  containerd: 600,
  long: 7200,
} as const;

/** Characters of one figure that are kept. */
const FIGURE_LENGTH_MAX = 200;

type Outcome = { readonly step: Step; readonly result: RunResult; readonly summary: TapSummary };

const root = resolve(import.meta.dirname, '..');
const isStrict = process.env['SHOAL_TEST_STRICT'] === '1';

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { filter: { type: 'string' }, timeout: { type: 'string' } },
  });
  const names = positionals.length === 0 ? [...PART_NAMES] : positionals;
  const given = values.timeout === undefined ? undefined : Number(values.timeout);
  if (given !== undefined && !(given > 0)) throw new Error('--timeout wants seconds above 0');
  const outcomes: Outcome[] = [];
  for (const name of names) {
    if (!isPartName(name)) throw new Error(`there is no test part ${JSON.stringify(name)}`);
    const part = planPart(root, name, values.filter);
    const seconds = given ?? TIMEOUT_SECONDS[name];
    const ofPart = await runPart(part, seconds);
    outcomes.push(...ofPart);
    if (name === 'long' && values.filter === undefined) keepLongReport(ofPart);
  }
  process.exitCode = report(outcomes) ? 0 : 1;
}

async function runPart(part: Part, timeoutSeconds: number): Promise<Outcome[]> {
  const startedAt = performance.now();
  const waiting = part.steps.filter(({ isAlone }) => isAlone !== true);
  const outcomes: Outcome[] = [];
  const worker = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const outcome = await runStep(step, timeoutSeconds);
      outcomes.push(outcome);
      const figures = part.name === 'long' ? formatFigures(outcome) : [];
      console.log([formatOutcome(outcome), ...figures].join('\n'));
    }
  };
  await Promise.all(Array.from({ length: part.jobs }, worker));
  waiting.push(...part.steps.filter(({ isAlone }) => isAlone === true));
  await worker();
  console.log(`# ${part.name}: ${part.steps.length} steps in ${formatSeconds(startedAt)}`);
  return outcomes;
}

async function runStep(step: Step, timeoutSeconds: number): Promise<Outcome> {
  const result = await runFile({
    command: step.command,
    arguments: step.arguments,
    directory: root,
    environment: {
      // Compiled code is kept, as bin/shoal keeps it: a test file starts in half the time.
      NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'shoal'),
      ...process.env,
      // tap gives each file half a minute of its own; the runner's deadline is the one that counts.
      TAP_TIMEOUT: String(Math.max(1, timeoutSeconds - 10)),
    },
    timeoutMs: timeoutSeconds * 1000,
  });
  return { step, result, summary: summarize(step, result) };
}

function summarize(step: Step, result: RunResult): TapSummary {
  const isClean = result.exitCode === 0 && !result.timedOut;
  if (step.kind === 'checker') {
    return { passed: isClean ? 1 : 0, failed: isClean ? 0 : 1, skipped: 0, skips: [] };
  }
  const summary = summarizeTap(result.stdout);
  if (!isClean && summary.failed === 0) return { ...summary, failed: 1 };
  const isEmpty = summary.passed + summary.failed + summary.skipped === 0;
  return isEmpty ? { ...summary, failed: 1 } : summary;
}

function hasFailed({ summary }: Outcome): boolean {
  return summary.failed > 0 || (isStrict && summary.skipped > 0);
}

function formatOutcome(outcome: Outcome): string {
  const { step, result, summary } = outcome;
  const word = hasFailed(outcome) ? 'FAIL' : 'ok  ';
  const counts = `${summary.passed} passed, ${summary.failed} failed, ${summary.skipped} skipped`;
  return `${word} ${step.name} (${counts}; ${(result.durationMs / 1000).toFixed(1)} s)`;
}

function formatFigures({ result }: Outcome): string[] {
  return tapComments(result.stdout).map((line) => `     ${line.slice(0, FIGURE_LENGTH_MAX)}`);
}

function keepLongReport(outcomes: readonly Outcome[]): void {
  const lines = outcomes.flatMap((one) => [formatOutcome(one), ...formatFigures(one)]);
  const path = writeLongReport(root, [...lines, formatTotal(outcomes)]);
  if (path !== undefined) console.log(`# kept in ${path}`);
}

function formatTotal(outcomes: readonly Outcome[]): string {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { summary } of outcomes) {
    total.passed += summary.passed;
    total.failed += summary.failed;
    total.skipped += summary.skipped;
  }
  return `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`;
}

function formatSeconds(startedAt: number): string {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

function describeEnd({ timedOut, signal, exitCode }: RunResult): string {
  if (timedOut) return 'ran out of time and was killed';
  return signal === undefined ? `exit code ${exitCode}` : `ended by ${signal}`;
}

/** Prints what failed and was skipped, then the closing line; true when all is well. */
function report(outcomes: readonly Outcome[]): boolean {
  for (const outcome of outcomes) {
    const { step, result, summary } = outcome;
    for (const skip of summary.skips) console.log(`# skipped in ${step.name}: ${skip}`);
    if (!hasFailed(outcome)) continue;
    console.log(`\n===== ${step.name}: ${describeEnd(result)} =====\n${result.output}`);
  }
  const hasSkips = outcomes.some(({ summary }) => summary.skipped > 0);
  if (isStrict && hasSkips) console.log('# strict: a skipped test is a failure');
  console.log(formatTotal(outcomes));
  return outcomes.length > 0 && !outcomes.some(hasFailed);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    killAllGroups();
    process.exit(130);
  });
}
await main();
