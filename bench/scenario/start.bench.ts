/**
 * From pulling an image to the first line its program prints, over a link of a given rate, with
 * containerd's overlayfs and with `shoal snapshotter` below the same containerd. Both pull as CRI
 * does. Cold means: nothing of the image on the host, and empty page caches.
 */
import { join } from 'node:path';
import {
  APPLICATIONS,
  type Program,
  type PushedApplication,
  type PushedImages,
  pushApplication,
} from '../harness/applications.ts';
import { measureInTurn, median } from '../harness/figures.ts';
import { type LimitedRegistry, startLimitedRegistry } from '../harness/limited-registry.ts';
import { hasNydusd, measureMountedStart } from '../harness/mounted-starts.ts';
import { compareRows, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';
import {
  type Contestant,
  measureStart,
  measureSteadyReads,
  pushListed,
  pushWarmUp,
  type Start,
} from '../harness/starts.ts';

/** Megabits per second. */
const LINKS = [1000, 100];
const LARGE_BYTES_MIN = 1e9;

type Surroundings = {
  readonly registry: LimitedRegistry;
  readonly warmUp: PushedImages;
  readonly directory: string;
};

/** A contestant, and the image it starts. */
type Entry = Contestant & { readonly name: string };

export const startScenario: Scenario = {
  summary: 'pull to first output over 1 Gbit/s and 100 Mbit/s, beside containerd overlayfs',
  runs: 1,
  parts: APPLICATIONS.map(({ name }) => name),
  run,
};

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  await using scope = new BenchScope();
  const registry = await startLimitedRegistry(scope, join(directory, 'registry'));
  const warmUp = await pushWarmUp(registry.host, directory);
  const { only } = options;
  const named = APPLICATIONS.filter(({ name }) => only === undefined || name === only);
  const chosen = options.isSmall ? named.slice(0, 1) : named;
  const parts: ScenarioResult[] = [];
  for (const application of chosen) {
    options.say(`${application.name}: making and pushing both images`);
    const image = await pushApplication(application, registry.host, directory);
    const rows = await measureImage(image, { registry, warmUp, directory }, options);
    const part = resultOf(options, rows, [describeImage(image)]);
    options.keep(part);
    parts.push(part);
  }
  return resultOf(
    options,
    parts.flatMap(({ rows }) => rows),
    chosen.flatMap((_, index) => parts[index]?.notes.slice(-1) ?? []),
  );
}

function resultOf(
  options: ScenarioOptions,
  rows: readonly Row[],
  images: readonly string[],
): ScenarioResult {
  return {
    parameters: { runs: options.runs, containerd: '1.6 (Debian)' },
    rows,
    notes: [
      'An image is one gzip layer, converted with the defaults; containerd pulls as CRI does. Medians.',
      'Cold: nothing of the image on the host, page caches empty; the daemons have started a small image.',
      'Second start: another container of the image at once, everything it reads is on the host.',
      'With a list: converted with --prefetch-patterns, the list from a start on another empty host without readahead.',
      'Bytes are those on the link, all headers counted; requests those the registry answered.',
      'Steady reads: all of /usr/bin, once it is on the host; from the disk, then from the page cache.',
      'Mounted: the same converted image without containerd, from the order to mount to the end of the program; nydusd 2.2.0 has its metadata already.',
      'nydus-snapshotter and stargz-snapshotter are not measured: they are not on this machine.',
      ...images,
    ],
  };
}

function describeImage({ name, bytes, storedBytes, programs }: PushedApplication): string {
  const megabytes = (count: number) => `${Math.round(count / 1e6)} MB`;
  const does = programs.map((program) => `${program.name}: ${program.does}`).join('; ');
  return `${name}: ${megabytes(bytes)}, ${megabytes(storedBytes)} as tar+gzip; ${does}.`;
}

async function measureImage(
  image: PushedApplication,
  around: Surroundings,
  options: ScenarioOptions,
): Promise<Row[]> {
  const rows: Row[] = [];
  const plain: readonly Entry[] = [
    { who: 'containerd overlayfs', snapshotter: 'overlayfs', name: image.ordinary },
    { who: 'shoal', snapshotter: 'shoal', name: image.lazy },
  ];
  for (const program of image.programs) {
    options.say(`${image.name}, ${program.name}: a start for the list`);
    await around.registry.limit(undefined);
    const name = await pushListed(image, program, around);
    const entries: Entry[] = [...plain, { who: 'shoal, with a list', snapshotter: 'shoal', name }];
    for (const link of options.isSmall ? LINKS.slice(0, 1) : LINKS) {
      const starts = await inTurn(options.runs, entries, async (entry) => {
        options.say(`${image.name}, ${program.name}, ${link} Mbit/s, ${entry.who}`);
        await around.registry.limit(link);
        return measureStart({ ...around, ...entry, program });
      });
      rows.push(...startRows(image, program, link, starts));
      if (hasNydusd() && link === LINKS[0])
        rows.push(...(await measureMounted(image, { program, link, name }, around, options)));
    }
  }
  options.say(`${image.name}, steady reads`);
  await around.registry.limit(undefined);
  const reads = await inTurn(1, plain, (entry) => measureSteadyReads({ ...around, ...entry }));
  const pick = picker(reads);
  return [
    ...rows,
    ...compareRows(`${image.name}: steady reads, from the disk`, 'MB/s', pick('diskMbPerSecond')),
    ...compareRows(`${image.name}: steady reads, warm`, 'MB/s', pick('warmMbPerSecond')),
  ];
}

type MountedWork = {
  readonly program: Program;
  readonly link: number;
  /** The image with the program's list. */
  readonly name: string;
};

/** Without containerd, beside nydusd. */
async function measureMounted(
  image: PushedApplication,
  { program, link, name }: MountedWork,
  around: Surroundings,
  options: ScenarioOptions,
): Promise<Row[]> {
  const work = `${image.name}, ${program.name}, ${link} Mbit/s, mounted`;
  const entries = [
    { who: 'nydusd', by: 'nydusd', name: image.lazy },
    { who: 'shoal', by: 'shoal', name: image.lazy },
    { who: 'nydusd, with a list', by: 'nydusd', name },
    { who: 'shoal, with a list', by: 'shoal', name },
  ] as const;
  const starts = await inTurn(options.runs, entries, ({ who, ...entry }) => {
    options.say(`${work}, ${who}`);
    return measureMountedStart({ ...around, ...entry, program, link });
  });
  const pick = picker(starts);
  return [
    ...compareRows(`${work}: program done`, 's', pick('seconds')),
    ...compareRows(`${work}: moved`, 'MB', pick('megabytes')),
    ...compareRows(`${work}: requests`, '', pick('requests')),
  ];
}

function inTurn<T, E extends { readonly who: string }>(
  runs: number,
  entries: readonly E[],
  measure: (entry: E) => Promise<T>,
): Promise<Map<string, T[]>> {
  const work = entries.map((entry) => [entry.who, () => measure(entry)] as const);
  return measureInTurn(runs, new Map(work));
}

/** Medians of one figure, by contestant. */
function picker<K extends string>(
  results: ReadonlyMap<string, readonly Readonly<Record<K, number>>[]>,
): (figure: K) => Map<string, number> {
  return (figure) =>
    new Map([...results].map(([who, list]) => [who, median(list.map((one) => one[figure]))]));
}

function startRows(
  image: PushedApplication,
  program: Program,
  link: number,
  starts: ReadonlyMap<string, readonly Start[]>,
): Row[] {
  const work = `${image.name}, ${program.name}, ${link} Mbit/s`;
  const pick = picker(starts);
  const isLarge = image.bytes >= LARGE_BYTES_MIN && link === 1000;
  const [sooner, fewer] = isLarge ? ['<= 0.20', '< 0.15'] : [];
  return [
    ...compareRows(`${work}: cold start`, 's', pick('coldSeconds'), sooner),
    ...compareRows(`${work}: of it the pull`, 's', pick('pullSeconds')),
    ...compareRows(`${work}: second start`, 's', pick('againSeconds')),
    ...compareRows(`${work}: moved`, 'MB', pick('megabytes'), fewer),
    ...compareRows(`${work}: requests`, '', pick('requests')),
  ];
}
