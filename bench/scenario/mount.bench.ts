/**
 * Reading from a mount whose bytes are all here, beside the same tree unpacked on ext4: the aim is
 * that being lazy costs nothing once the bytes have arrived. Cold means that page cache, dentries
 * and inodes were dropped. FUSE throughput is measured on a session of its own, beside the same
 * file read from the page cache.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked } from '@shoal/test-kit';
import { measureInTurn } from '../harness/figures.ts';
import { fuseThroughput } from '../harness/fuse-throughput.ts';
import { makeInput } from '../harness/input.ts';
import { convertLayout, mountLazily } from '../harness/lazy-mount.ts';
import { compareRounds, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';
import {
  dropCaches,
  largestFiles,
  listFiles,
  randomMs,
  sequentialMs,
  smallFilesMs,
  type TreeFile,
  walkMs,
} from '../harness/tree-reader.ts';

export const mountScenario: Scenario = {
  summary: 'walks and reads on a mount beside ext4, FUSE throughput beside the page cache',
  run,
};

type Work = {
  readonly name: string;
  readonly isCold: boolean;
  readonly run: (root: string) => number;
};

const BAR = '<= 1';
/** Warm work takes 5 to 50 ms, as long as a pause of a busy machine: it needs many rounds. */
const WARM_ROUNDS = 40;
const COLD_ROUNDS = 7;
const FUSE_ROUNDS = 7;

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  const input = await makeInput(directory, options.isSmall);
  const plain = join(directory, 'ext4');
  mkdirSync(plain);
  await runChecked('tar', ['--extract', '--numeric-owner', '--file', input.tar, '-C', plain]);
  options.say('converting and mounting');
  const image = await convertLayout(input.layout, directory);
  const rows = await measureTrees(plain, image, options, directory);
  options.say('FUSE throughput');
  const runs = roundsOf(options, FUSE_ROUNDS);
  rows.push(...(await fuseThroughput(directory, { ...options, runs })));
  return {
    parameters: { input: input.description, bytes: input.tarBytes },
    rows,
    notes: [
      'All trees lie on the same disk. Time: less is better; throughput: more is better.',
      'The mount was read to its end: every byte is here. Mounted again, no daemon is in its path.',
      `In turn, ${WARM_ROUNDS} rounds warm, ${COLD_ROUNDS} cold, ${FUSE_ROUNDS} FUSE: figures are` +
        ' medians, ratios the medians of the ratios of each round.',
    ],
  };
}

/** The tree on ext4 beside mounts of the same image, all of whose bytes are here. */
async function measureTrees(
  plain: string,
  image: string,
  options: ScenarioOptions,
  directory: string,
): Promise<Row[]> {
  await using scope = new BenchScope();
  const mount = await mountLazily(scope, image, directory);
  const files = listFiles(plain);
  options.say(`${files.length} files; reading all of them once`);
  sequentialMs(mount.mountpoint, files);
  const again = join(directory, 'again');
  const driver = await mount.again(again);
  const roots = new Map([
    ['ext4', plain],
    ['shoal mount', mount.mountpoint],
    [`mounted again (${driver})`, again],
  ]);
  const rows: Row[] = [];
  for (const work of workOf(files, options.isSmall)) {
    options.say(work.name);
    const rounds = work.isCold ? COLD_ROUNDS : WARM_ROUNDS;
    rows.push(...(await compareWork(work, roots, roundsOf(options, rounds))));
  }
  return rows;
}

function workOf(files: readonly TreeFile[], isSmall: boolean): Work[] {
  const large = largestFiles(files, 5);
  const [largest] = large;
  if (largest === undefined) throw new Error('the tree has no files');
  const small = isSmall ? 100 : 5000;
  const warmReads = isSmall ? 1000 : 50_000;
  const coldReads = isSmall ? 50 : 1000;
  const both = (name: string, run: (root: string, isCold: boolean) => number): Work[] => [
    { name: `${name}, warm`, isCold: false, run: (root) => run(root, false) },
    { name: `${name}, cold`, isCold: true, run: (root) => run(root, true) },
  ];
  return [
    ...both('walk of the whole tree', (root) => walkMs(root)),
    ...both('small files', (root) => smallFilesMs(root, files, small)),
    ...both('five largest files in order', (root) => sequentialMs(root, large)),
    ...both('4 KiB at random places', (root, isCold) =>
      randomMs(root, largest, isCold ? coldReads : warmReads),
    ),
  ];
}

async function compareWork(
  work: Work,
  roots: ReadonlyMap<string, string>,
  runs: number,
): Promise<Row[]> {
  const contestants = new Map(
    [...roots].map(([name, root]) => [
      name,
      async () => {
        if (work.isCold) await dropCaches();
        else work.run(root);
        return work.run(root);
      },
    ]),
  );
  const times = await measureInTurn(runs, contestants);
  return compareRounds(work.name, 'ms', times, work.isCold ? undefined : BAR);
}

function roundsOf({ isSmall, runs }: ScenarioOptions, rounds: number): number {
  return isSmall ? runs : Math.max(rounds, runs);
}
