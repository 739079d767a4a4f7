/**
 * Conversion of one uncompressed tar layer, beside the real nydus-image on the same tar with the
 * same chunk size and compressor, and beside what packing alone costs (`tar | zstd -3 -T0`).
 * Shoal also writes manifest and configuration, hashes the source layer, and reads back what it
 * wrote; the others do not. A second conversion with a build cache shows what a rebuild costs.
 */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  findTool,
  nydusDirectory,
  type ProcessFigures,
  runChecked,
  timeCommand,
} from '@shoal/test-kit';
import { measureInTurn, median } from '../harness/figures.ts';
import { type BenchInput, makeInput, SHOAL } from '../harness/input.ts';
import { compareRows, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';

type Contestants = Map<string, () => Promise<ProcessFigures>>;

const NYDUS = 'nydus-image create';
const SHOAL_CONVERT = 'shoal convert';

export const convertScenario: Scenario = {
  summary: 'conversion beside nydus-image create and tar | zstd: rate, processor time, memory',
  run,
};

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  const input = await makeInput(directory, options.isSmall);
  options.say(`input: ${input.description}, ${input.tarBytes} bytes`);
  const contestants = contestantsOf(input, directory);
  const figures = await measureInTurn(options.runs, contestants);
  const notes = ['The reference of each figure is its first row.'];
  if (!contestants.has(NYDUS)) notes.push('nydus-image is not built here and was left out.');
  return {
    parameters: { input: input.description, bytes: input.tarBytes, runs: options.runs },
    rows: rowsOf(figures, input.tarBytes),
    notes,
  };
}

function contestantsOf(input: BenchInput, directory: string): Contestants {
  const contestants: Contestants = new Map();
  const nydus = join(nydusDirectory(), 'bin', 'nydus-image');
  if (existsSync(nydus)) {
    contestants.set(NYDUS, () => nydusCreate(nydus, input, directory));
  }
  const target = join(directory, 'converted');
  contestants.set(SHOAL_CONVERT, () => {
    rmSync(target, { recursive: true, force: true });
    return shoalConvert(input, target, []);
  });
  // The target keeps its blobs: this is the second push of an image that did not change.
  const again = join(directory, 'converted-again');
  const cache = ['--build-cache', join(directory, 'build-cache')];
  contestants.set('shoal convert, build cache filled', async () => {
    if (!existsSync(again)) await shoalConvert(input, again, cache);
    return shoalConvert(input, again, cache);
  });
  if (findTool('zstd') !== undefined) {
    const root = join(directory, 'root');
    contestants.set('tar | zstd -3 -T0', async () => {
      if (!existsSync(root)) {
        await runChecked('mkdir', [root]);
        await runChecked('tar', ['--extract', '--file', input.tar, '--directory', root]);
      }
      const packed = join(directory, 'packed.tar.zst');
      return timeCommand('sh', [
        '-c',
        `tar -C '${root}' -cf - . | zstd -q -f -3 -T0 -o '${packed}'`,
      ]);
    });
  }
  return contestants;
}

async function shoalConvert(
  input: BenchInput,
  target: string,
  extra: readonly string[],
): Promise<ProcessFigures> {
  const references = ['--source', `oci:${input.layout}:latest`, '--target', `oci:${target}:lazy`];
  return timeCommand(SHOAL, ['convert', ...references, ...extra]);
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
    new Map([...figures].map(([name, list]) => [name, median(list.map(figure))]));
  const rate = pick(({ wallSeconds }) => tarBytes / 1e6 / Math.max(wallSeconds, 0.01));
  return [
    ...compareRows('convert one layer', 'MB/s', rate, '>= 1'),
    ...compareRows(
      'processor time',
      's',
      pick(({ cpuSeconds }) => cpuSeconds),
    ),
    ...compareRows(
      'peak memory of a process',
      'MiB',
      pick(({ peakBytes }) => peakBytes / 2 ** 20),
    ),
  ];
}
