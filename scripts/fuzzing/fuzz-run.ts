/** Collects the fuzz targets of all packages and runs one for a while. */
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ShoalError } from '@shoal/errors';
import type { FuzzTarget } from '@shoal/test-kit';
import { mutate, seededRandom } from './mutate.ts';

export type NamedTarget = FuzzTarget & { readonly fullName: string };

export type Finding = {
  readonly target: string;
  readonly round: number;
  readonly input: Buffer;
  readonly problem: string;
};

export type FuzzReport = { readonly rounds: number; readonly finding: Finding | undefined };

/** An input that takes longer is a finding: decoders are linear in their input. */
const ROUND_MS_MAX = 5000;

const root = resolve(import.meta.dirname, '..', '..');

/** All targets, by package and name. */
export async function collectTargets(): Promise<NamedTarget[]> {
  const targets: NamedTarget[] = [];
  for (const path of globSync('packages/*/test/fuzz-targets.ts', { cwd: root }).toSorted()) {
    const loaded: { fuzzTargets?: readonly FuzzTarget[] } = await import(
      pathToFileURL(resolve(root, path)).href
    );
    const name = path.split('/')[1] ?? '';
    for (const target of loaded.fuzzTargets ?? []) {
      targets.push({ ...target, fullName: `${name}/${target.name}` });
    }
  }
  return targets;
}

/**
 * Runs a target until `milliseconds` are over or something is found. The unchanged samples come
 * first: a target that refuses its own samples tests nothing.
 */
export async function fuzzTarget(
  target: NamedTarget,
  options: { readonly milliseconds: number; readonly seed: number },
): Promise<FuzzReport> {
  const samples = await target.samples();
  const random = seededRandom(options.seed);
  const endsAt = performance.now() + options.milliseconds;
  for (const [index, sample] of samples.entries()) {
    const problem = await tryInput(target, Buffer.from(sample), true);
    if (problem !== undefined) {
      const input = Buffer.from(sample);
      return { rounds: index, finding: { target: target.fullName, round: -1, input, problem } };
    }
  }
  let round = 0;
  for (; performance.now() < endsAt; round++) {
    const sample = samples[Math.floor(random() * samples.length)] ?? Buffer.alloc(0);
    const input = mutate(sample, random);
    const problem = await tryInput(target, input, false);
    if (problem !== undefined) {
      return { rounds: round, finding: { target: target.fullName, round, input, problem } };
    }
  }
  return { rounds: round, finding: undefined };
}

async function tryInput(
  target: NamedTarget,
  input: Buffer,
  mustPass: boolean,
): Promise<string | undefined> {
  const startedAt = performance.now();
  try {
    // Some targets keep or change what they are given; the finding needs the original.
    await target.run(Buffer.from(input));
  } catch (error) {
    if (!(error instanceof ShoalError)) return `threw ${describe(error)}`;
    if (mustPass) return `refused its own sample: ${error.code} ${error.message}`;
  }
  const tookMs = performance.now() - startedAt;
  return tookMs > ROUND_MS_MAX ? `took ${tookMs.toFixed(0)} ms` : undefined;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
