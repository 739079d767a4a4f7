/**
 * Conversion of one uncompressed tar layer, beside the real nydus-image on the same tar with the
 * same chunk size and compressor, and beside what packing alone costs (`tar | zstd -3 -T0`).
 * Shoal also writes manifest and configuration, hashes the source layer, and reads back what it
 * wrote; the others do not. A second conversion with a build cache shows what a rebuild costs. What
 * hosts run is a release; from sources a start takes longer.
 */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  findTool,
  nydusDirectory,
  type ProcessFigures,
  runChecked,
  timeCommand,
} from '@shoal/test-kit';
import { measureInTurn } from '../harness/figures.ts';
import { type BenchInput, makeInput, makeLargeInput, SHOAL } from '../harness/input.ts';
import { compareRounds, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { stageOwnRelease } from '../harness/staged-release.ts';

type Contestants = Map<string, () => Promise<ProcessFigures>>;

const NYDUS = 'nydus-image create';
const SHOAL_CONVERT = 'shoal convert';
const FROM_SOURCES = 'shoal convert, from sources';

export const convertScenario: Scenario = {
  summary: 'conversion beside nydus-image create and tar | zstd: rate, processor time, memory',
  runs: 5,
  parts: ['usual', 'large'],
  run,
};

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  if (!options.isSmall) options.say('building the release');
  const release = options.isSmall ? undefined : await stageOwnRelease(join(directory, 'release'));
  const notes = [
    'The reference of each figure is its first row; ratios are of rounds, in the middle.',
  ];
  if (nydusImage() === undefined) notes.push('nydus-image is not built here and was left out.');
  const parameters: Record<string, string | number> = { runs: options.runs };
  const rows: Row[] = [];
  for (const part of ['usual', 'large'] as const) {
    if (options.isSmall ? part === 'large' : (options.only ?? part) !== part) continue;
    const place = join(directory, part);
    mkdirSync(place);
    const input =
      part === 'large' ? await makeLargeInput(place) : await makeInput(place, options.isSmall);
    options.say(`input: ${input.description}, ${input.tarBytes} bytes`);
    const figures = await measureInTurn(options.runs, contestantsOf(part, input, place, release));
    parameters[part] = `${input.description}, ${input.tarBytes} bytes`;
    rows.push(...rowsOf(figures, input.tarBytes));
    options.keep({ parameters, rows: [...rows], notes });
    rmSync(place, { recursive: true, force: true });
  }
  return { parameters, rows, notes };
}

function nydusImage(): string | undefined {
  const program = join(nydusDirectory(), 'bin', 'nydus-image');
  return existsSync(program) ? program : undefined;
}

function contestantsOf(
  part: 'usual' | 'large',
  input: BenchInput,
  directory: string,
  release: string | undefined,
): Contestants {
  const contestants: Contestants = new Map();
  const nydus = nydusImage();
  if (nydus !== undefined) contestants.set(NYDUS, () => nydusCreate(nydus, input, directory));
  const target = join(directory, 'converted');
  const convertWith = (shoal: string) => () => {
    rmSync(target, { recursive: true, force: true });
    return shoalConvert(shoal, input, target, []);
  };
  if (release !== undefined) contestants.set(SHOAL_CONVERT, convertWith(release));
  contestants.set(FROM_SOURCES, convertWith(SHOAL));
  if (part === 'large') return contestants;
  // The target keeps its blobs: this is the second push of an image that did not change.
  const again = join(directory, 'converted-again');
  const cache = ['--build-cache', join(directory, 'build-cache')];
  const shoal = release ?? SHOAL;
  contestants.set('shoal convert, build cache filled', async () => {
    if (!existsSync(again)) await shoalConvert(shoal, input, again, cache);
    return shoalConvert(shoal, input, again, cache);
  });
  if (findTool('zstd') !== undefined) {
    contestants.set('tar | zstd -3 -T0', () => tarAndZstd(input, directory));
  }
  return contestants;
}

async function tarAndZstd(input: BenchInput, directory: string): Promise<ProcessFigures> {
  const root = join(directory, 'root');
  if (!existsSync(root)) {
    await runChecked('mkdir', [root]);
    await runChecked('tar', ['--extract', '--file', input.tar, '--directory', root]);
  }
  const packed = join(directory, 'packed.tar.zst');
  return timeCommand('sh', ['-c', `tar -C '${root}' -cf - . | zstd -q -f -3 -T0 -o '${packed}'`]);
}

async function shoalConvert(
  shoal: string,
  input: BenchInput,
  target: string,
  extra: readonly string[],
): Promise<ProcessFigures> {
  const references = ['--source', `oci:${input.layout}:latest`, '--target', `oci:${target}:lazy`];
  return timeCommand(shoal, ['convert', ...references, ...extra]);
}

async function nydusCreate(
  program: string,
  input: BenchInput,
  directory: string,
): Promise<ProcessFigures> {
  const blob = join(directory, 'nydus.blob');
  rmSync(blob, { force: true });
  return timeCommand(program, [
    ...['--log-level', 'warn', 'create', '--type', 'tar-rafs', '--fs-version', '6'],
    ...['--compressor', 'zstd', '--digester', 'sha256', '--chunk-size', '0x100000'],
    ...['--whiteout-spec', 'oci', '--blob-inline-meta', '--features', 'blob-toc'],
    ...['--blob', blob, input.tar],
  ]);
}

function rowsOf(figures: ReadonlyMap<string, readonly ProcessFigures[]>, tarBytes: number): Row[] {
  const pick = (figure: (one: ProcessFigures) => number) =>
    new Map([...figures].map(([name, list]) => [name, list.map(figure)]));
  const megabytes = Math.round(tarBytes / 1e6);
  const rate = pick(({ wallSeconds }) => tarBytes / 1e6 / Math.max(wallSeconds, 0.01));
  return [
    ...compareRounds(`convert one layer of ${megabytes} MB`, 'MB/s', rate, '>= 1'),
    ...compareRounds(
      `processor time, ${megabytes} MB`,
      's',
      pick(({ cpuSeconds }) => cpuSeconds),
    ),
    ...compareRounds(
      `peak memory of a process, ${megabytes} MB`,
      'MiB',
      pick(({ peakBytes }) => peakBytes / 2 ** 20),
    ),
  ];
}
