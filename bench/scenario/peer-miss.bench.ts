/**
 * What a 4 KiB read costs at a mount when its bytes come from a host of the same rack, beside the same read from
 * the registry, by nydusd from the registry, and where everything is here. All of them have the same image
 * mounted and read the same pages, in turn, chunk by chunk, so that a pause of the machine hits all alike;
 * what each has read is compared. Reads that nobody waited for (readahead had been faster) are no misses and do
 * not count.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runChecked } from '@shoal/test-kit';
import { makeInput } from '../harness/input.ts';
import { convertLayout } from '../harness/lazy-mount.ts';
import { HOLDER, type MissContestant, startContestants } from '../harness/miss-contestants.ts';
import { type Place, placesOf, shuffled } from '../harness/miss-places.ts';
import { PAGE_BYTES, PageReader } from '../harness/page-reader.ts';
import {
  countsText,
  type Measured,
  mean,
  missRows,
  onlyMisses,
  type Sample,
  SMALL_CHUNK_BYTES,
} from '../harness/peer-miss-rows.ts';
import { Rack } from '../harness/rack.ts';
import type { ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';
import { dropCaches } from '../harness/tree-reader.ts';

export const peerMissScenario: Scenario = {
  summary: 'latency of a 4 KiB read at a mount, from a host of the rack, the registry, by nydusd',
  run,
};

const REPOSITORY = 'bench/peer-miss';
const READS = 320;
const READS_SMALL = 20;
/** Of the reads, those of small files are so many more. */
const SMALL_FILES_SHARE = 0.5;
/** And those of any chunks. */
const DRAWN_SHARE = 0.5;
const SEED = 1;
/** The first of them also open connections and warm the code of all sides. */
const WARM_UP_READS = 12;
/** Every so many chunks are read by several at once. */
const TOGETHER_EVERY = 4;
const READERS = 4;
/** Between two measurements: what a read set going (readahead, records, announcements) is over then. */
const PAUSE_MS = 20;

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  const { isSmall, seed = SEED, count = isSmall ? READS_SMALL : READS } = options;
  const input = await makeInput(directory, isSmall);
  const target = await convertLayout(input.layout, directory);
  const places = shuffled(await chosenPlaces(target, count, seed), seed);
  await using scope = new BenchScope();
  const rack = await Rack.open(scope, directory);
  const reference = await push(target, rack);
  options.say('a host of the rack reads all of the image, the others mount it');
  const layout = layoutOf(target);
  const image = { layout, repository: REPOSITORY, reference };
  const contestants = await startContestants(scope, rack, image);
  await dropCaches();
  await readIntoMemory([rack.registryHome, join(rack.directory, HOLDER, 'state', 'peer')]);
  options.say(`reading 4 KiB of ${places.length} chunks by ${contestants.length} mounts`);
  const measured = await measureInTurn(scope, rack, contestants, places);
  const misses = await Promise.all(measured.map(onlyMisses));
  const large = places.filter(
    ({ chunk, isDrawn }) => chunk.rawBytes > SMALL_CHUNK_BYTES && !isDrawn,
  );
  const drawn = places.filter(({ isDrawn }) => isDrawn);
  return {
    parameters: {
      input: input.description,
      seed,
      chunks: places.length,
      'bytes of a chunk over 64 KiB': mean(large.map(({ chunk }) => chunk.rawBytes)),
      'stored bytes': mean(large.map(({ chunk }) => chunk.bytes)),
      'chunks drawn among all': drawn.length,
      'their bytes': mean(drawn.map(({ chunk }) => chunk.rawBytes)),
    },
    rows: missRows(misses),
    notes: [
      'All hosts, the registry and the reader share the cores of one machine, each a process of its own; loopback.',
      `Reads that had to wait, and who delivered: ${misses.map(countsText).join('; ')}. Others (readahead was faster) do not count.`,
      'Who sends has the stored bytes in memory: the registry, and the host of the rack, as one that has just started the image. What readers have is on the disk.',
      'Chunk alone: [cache] readahead = false. Otherwise a read at a new place brings up to 512 KiB with it.',
      'Processor time is of both ends, the pause of 20 ms after the read included.',
    ],
  };
}

/** The largest chunks, the largest of those that small files have, and some that are drawn among all. */
async function chosenPlaces(target: string, count: number, seed: number): Promise<Place[]> {
  const bytesMax = SMALL_CHUNK_BYTES;
  const drawn = await placesOf(target, Math.ceil(count * DRAWN_SHARE), { seed });
  const isFree = ({ chunk }: Place) =>
    !drawn.some((each) => each.chunk.digest.equals(chunk.digest));
  const small = await placesOf(target, Math.ceil(count * SMALL_FILES_SHARE), { bytesMax });
  const large = await placesOf(target, WARM_UP_READS + count);
  const chosen = [...large.filter(({ chunk }) => chunk.rawBytes > bytesMax), ...small];
  return [...chosen.filter(isFree), ...drawn];
}

/** What lies below these directories is in the page cache. */
async function readIntoMemory(directories: readonly string[]): Promise<void> {
  const script = 'find "$@" -type f -exec cat {} + > /dev/null';
  await runChecked('sh', ['-c', script, 'sh', ...directories]);
}

/** As it is; gives its reference. */
async function push(target: string, { registryHost }: Rack): Promise<string> {
  const reference = `${registryHost}/${REPOSITORY}:lazy`;
  const flags = ['--quiet', '--preserve-digests', '--dest-tls-verify=false'];
  await runChecked('skopeo', ['copy', ...flags, target, `docker://${reference}`]);
  return reference;
}

/** Of `oci:DIRECTORY:TAG`. */
function layoutOf(target: string): string {
  return target.slice(target.indexOf(':') + 1, target.lastIndexOf(':'));
}

async function measureInTurn(
  scope: BenchScope,
  rack: Rack,
  contestants: readonly MissContestant[],
  places: readonly Place[],
): Promise<Measured[]> {
  const readers = Array.from({ length: READERS }, () => PageReader.start(scope));
  // On small input there are few.
  const warmUp = Math.min(WARM_UP_READS, Math.floor(places.length / 4));
  const measured = contestants.map((contestant) => {
    const samples: Sample[] = [];
    return { contestant, samples };
  });
  for (const [turn, place] of places.entries()) {
    const isTogether =
      turn % TOGETHER_EVERY === TOGETHER_EVERY - 1 &&
      place.chunk.rawBytes > SMALL_CHUNK_BYTES &&
      !place.isDrawn;
    const digests = new Set<string>();
    for (const { contestant, samples } of measured) {
      const used = isTogether ? readers : readers.slice(0, 1);
      const { sample, digest } = await measure({ rack, readers: used, contestant, place, turn });
      digests.add(digest);
      if (turn >= warmUp) samples.push(sample);
    }
    if (digests.size !== 1) throw new Error(`not all have read the same bytes of ${place.path}`);
    // Whoever comes second finds the chunk in the caches of the processor.
    measured.push(...measured.splice(0, 1));
  }
  return contestants.flatMap((one) => measured.filter(({ contestant }) => contestant === one));
}

type Turn = {
  readonly rack: Rack;
  readonly readers: readonly PageReader[];
  readonly contestant: MissContestant;
  readonly place: Place;
  readonly turn: number;
};

async function measure({ rack, readers, contestant, place, turn }: Turn) {
  const path = join(contestant.mountpoint, place.path);
  const before = { bytes: rack.registryBytes(), processorMs: contestant.processors.ms() };
  const pages = pagesOf(place, readers.length, turn);
  const reads = await Promise.all(
    readers.map((reader, index) => reader.read(path, place.at + (pages[index] ?? 0) * PAGE_BYTES)),
  );
  await sleep(PAUSE_MS);
  const sample: Omit<Sample, 'againMs'> = {
    place,
    ms: reads.map(({ ms }) => ms),
    processorMs: contestant.processors.ms() - before.processorMs,
    registryBytes: rack.registryBytes() - before.bytes,
  };
  const digests = reads.map(({ digest }) => digest);
  const [alone] = readers;
  // A page that was read is in the page cache: nobody is asked for it again.
  if (readers.length > 1 || alone === undefined || pages.at(-1) === pages[0]) {
    return { sample: { ...sample, againMs: undefined }, digest: digests.join() };
  }
  const again = await alone.read(path, place.at + (pages.at(-1) ?? 0) * PAGE_BYTES);
  const digest = [...digests, again.digest].join();
  return { sample: { ...sample, againMs: again.ms }, digest };
}

/** So many pages of a chunk and one more, as far from each other as it is long. */
function pagesOf({ chunk }: Place, count: number, turn: number): number[] {
  const pages = Math.max(1, Math.floor(chunk.rawBytes / PAGE_BYTES));
  return Array.from(
    { length: count + 1 },
    (_, index) => (turn * 61 + Math.floor((index * pages) / (count + 1))) % pages,
  );
}
