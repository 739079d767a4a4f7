/**
 * What one miss costs: a 4 KiB read of bytes that are not here yet, from a registry on the same
 * machine (as near as a peer in the same rack). Told apart: a ranged GET of the chunk alone; what no
 * miss can do without (the same GET, decompression, hash, in a bare loop); the miss as the daemon
 * sees it; the read as the program sees it (with FUSE, EROFS and the page cache around). Floor and
 * read take turns, chunk by chunk, so that a pause of the machine hits both alike. Reads that readahead
 * had been faster than are no misses and do not count: the trace of the mount tells them.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChecked } from '@shoal/test-kit';
import { quantile } from '../harness/figures.ts';
import { type BenchInput, makeInput, SHOAL } from '../harness/input.ts';
import { mountLazily } from '../harness/lazy-mount.ts';
import {
  daemonFigures,
  type MissFigures,
  type WaitedRange,
  waitedRanges,
} from '../harness/miss-figures.ts';
import { type FloorTimes, MissFloor } from '../harness/miss-floor.ts';
import { type Place, placesOf } from '../harness/miss-places.ts';
import { startRegistryProcess } from '../harness/registry-process.ts';
import { compareRows, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';
import { dropCaches } from '../harness/tree-reader.ts';

const READ_BYTES = 4096;
const REPOSITORY = 'bench/miss';
/** The first reads also open the connections and warm the code of either side. */
const WARM_UP_READS = 10;
/** Between two measurements: what a read set going (readahead, records) is over then. */
const PAUSE_MS = 20;

export const missScenario: Scenario = {
  summary: 'latency of a 4 KiB read that misses, beside what no miss can do without',
  run,
};

/** One chunk, measured both ways. */
type Pair = FloorTimes & { readonly readMs: number; readonly place: Place };

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  const input = await makeInput(directory, options.isSmall);
  await using registry = await startRegistryProcess();
  const reference = `${registry.host}/${REPOSITORY}:lazy`;
  await convertTo(reference, input);
  const places = await placesOf(reference, options.isSmall ? 30 : 400);
  await using scope = new BenchScope();
  const mount = await mountLazily(scope, reference, directory, ['--plain-http']);
  await dropCaches();
  const blobs = `http://${registry.host}/v2/${REPOSITORY}/blobs`;
  options.say(`reading 4 KiB of ${places.length} chunks`);
  const all = await measurePairs(mount.mountpoint, places, blobs);
  const waited = waitedRanges(await mount.trace());
  const pairs = all.filter(({ place }) => hasWaited(place, waited));
  const daemon = daemonFigures(await mount.status());
  return {
    parameters: {
      input: input.description,
      reads: all.length,
      misses: pairs.length,
      'bytes of a chunk': mean(places.map(({ chunk }) => chunk.rawBytes)),
      'stored bytes': mean(places.map(({ chunk }) => chunk.bytes)),
    },
    rows: [
      ...rowsAt(0.5, pairs, daemon.p50Ms, '< 3 ms at the reader'),
      ...rowsAt(0.99, pairs, daemon.p99Ms, '< 20 ms at the reader'),
      ...overheadRows(pairs),
    ],
    notes: [
      'Registry, daemon and reader share the cores of one machine, each a process of its own.',
      'Floor: GET, zstd and SHA-256 of the same chunk in a bare loop, in turn with the reads.',
      'Of reads that readahead was faster than, nothing is counted.',
    ],
  };
}

async function convertTo(reference: string, input: BenchInput): Promise<void> {
  const source = ['--source', `oci:${input.layout}:latest`];
  await runChecked(SHOAL, ['convert', '--plain-http', ...source, '--target', reference], {
    timeoutMs: 600_000,
  });
}

async function measurePairs(
  mountpoint: string,
  places: readonly Place[],
  blobs: string,
): Promise<Pair[]> {
  using floor = new MissFloor(blobs);
  const pairs: Pair[] = [];
  for (const [turn, place] of places.entries()) {
    // Whoever comes second finds the chunk in the caches of the processor.
    const early = turn % 2 === 0 ? undefined : readPlace(mountpoint, place);
    if (early !== undefined) await sleep(PAUSE_MS);
    const times = await floor.measure(place.chunk);
    pairs.push({ ...times, readMs: early ?? readPlace(mountpoint, place), place });
    await sleep(PAUSE_MS);
  }
  // On small input the first reads bring everything: they are the only misses.
  return pairs.length >= WARM_UP_READS * 10 ? pairs.slice(WARM_UP_READS) : pairs;
}

function hasWaited({ chunk }: Place, waited: readonly WaitedRange[]): boolean {
  return waited.some(
    ({ blobId, offset, length }) =>
      blobId === chunk.blobId && offset <= chunk.rawOffset && chunk.rawOffset < offset + length,
  );
}

/** Synchronous: nothing but the file system is waited for. */
function readPlace(mountpoint: string, { path, at }: Place): number {
  const buffer = Buffer.alloc(READ_BYTES);
  const fd = openSync(join(mountpoint, path), 'r');
  const startedAt = performance.now();
  readSync(fd, buffer, 0, READ_BYTES, at);
  const took = performance.now() - startedAt;
  closeSync(fd);
  return took;
}

function rowsAt(
  q: number,
  pairs: readonly Pair[],
  daemonMs: MissFigures['p50Ms'],
  bar: string,
): Row[] {
  const at = (pick: (pair: Pair) => number) => quantile(pairs.map(pick), q);
  return compareRows(
    `p${q * 100} of a miss`,
    'ms',
    new Map([
      ['floor', at(({ allMs }) => allMs)],
      ['ranged GET alone', at(({ getMs }) => getMs)],
      ['in the daemon', daemonMs],
      ['at the reader', at(({ readMs }) => readMs)],
    ]),
    bar,
  );
}

function overheadRows(pairs: readonly Pair[]): Row[] {
  const value = quantile(
    pairs.map(({ readMs, allMs }) => readMs - allMs),
    0.5,
  );
  const contestant = 'at the reader';
  return [{ work: 'beyond the floor, p50', contestant, value, unit: 'ms', bar: '<= 1 ms' }];
}

function mean(values: readonly number[]): number {
  return Math.round(values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length));
}
