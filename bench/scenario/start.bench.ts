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
  pushApplication,
} from '../harness/applications.ts';
import { measureInTurn, median } from '../harness/figures.ts';
import { type LimitedRegistry, startLimitedRegistry } from '../harness/limited-registry.ts';
import { compareRows, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';
import { measureStart, measureSteadyReads, type Start } from '../harness/starts.ts';

/** Megabits per second. */
const LINKS = [1000, 100];
const LARGE_BYTES_MIN = 1e9;
const SNAPSHOTTERS = ['overlayfs', 'shoal'] as const;

export const startScenario: Scenario = {
  summary: 'pull to first output over 1 Gbit/s and 100 Mbit/s, beside containerd overlayfs',
  runs: 2,
  parts: APPLICATIONS.map(({ name }) => name),
  run,
};

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  await using scope = new BenchScope();
  const registry = await startLimitedRegistry(scope, join(directory, 'registry'));
  const named = APPLICATIONS.filter(
    ({ name }) => options.only === undefined || name === options.only,
  );
  const chosen = options.isSmall ? named.slice(0, 1) : named;
  const rows: Row[] = [];
  for (const application of chosen) {
    options.say(`${application.name}: making and pushing both images`);
    const image = await pushApplication(application, registry.host, directory);
    const ofImage = await measureImage(image, registry, options, directory);
    rows.push(...ofImage);
    options.keep(resultOf(options, ofImage));
  }
  return resultOf(options, rows);
}

function resultOf(options: ScenarioOptions, rows: readonly Row[]): ScenarioResult {
  return {
    parameters: { runs: options.runs, containerd: '1.6 (Debian)' },
    rows,
    notes: [
      'An image is one gzip layer, converted with the defaults; containerd pulls as CRI does. Medians.',
      'Cold: daemon and containerd just started, nothing of the image on the host, page caches empty.',
      'Second start: another container of the image at once, everything it reads is on the host.',
      'Bytes are those on the link, all headers counted; requests those the registry answered.',
      'Steady reads: all of /usr/bin, once it is on the host; from the disk, then from the page cache.',
      'nydusd with nydus-snapshotter and stargz-snapshotter are not on this machine.',
    ],
  };
}

async function measureImage(
  image: PushedApplication,
  registry: LimitedRegistry,
  options: ScenarioOptions,
  directory: string,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const link of options.isSmall ? LINKS.slice(0, 1) : LINKS) {
    for (const program of image.programs) {
      const measure = async (snapshotter: (typeof SNAPSHOTTERS)[number]): Promise<Start> => {
        options.say(`${image.name}, ${program.name}, ${link} Mbit/s, ${snapshotter}`);
        await registry.limit(link);
        return measureStart({ image, program, registry, snapshotter, directory });
      };
      rows.push(...startRows(image, program, link, await inTurn(options.runs, measure)));
    }
  }
  await registry.limit(undefined);
  options.say(`${image.name}, steady reads`);
  const reads = await inTurn(1, (snapshotter) =>
    measureSteadyReads({ image, registry, snapshotter, directory }),
  );
  const pick = picker(reads);
  return [
    ...rows,
    ...compareRows(`${image.name}: steady reads, from the disk`, 'MB/s', pick('diskMbPerSecond')),
    ...compareRows(`${image.name}: steady reads, warm`, 'MB/s', pick('warmMbPerSecond')),
  ];
}

function inTurn<T>(
  runs: number,
  measure: (snapshotter: (typeof SNAPSHOTTERS)[number]) => Promise<T>,
): Promise<Map<string, T[]>> {
  return measureInTurn(
    runs,
    new Map(
      SNAPSHOTTERS.map((snapshotter) => [
        snapshotter === 'overlayfs' ? 'containerd overlayfs' : snapshotter,
        () => measure(snapshotter),
      ]),
    ),
  );
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
  const size = `${Math.round(image.bytes / 1e6)} MB, ${Math.round(image.storedBytes / 1e6)} stored`;
  const work = `${image.name} (${size}) ${program.name}, ${link} Mbit/s`;
  const pick = picker(starts);
  const isLarge = image.bytes >= LARGE_BYTES_MIN && link === 1000;
  return [
    ...compareRows(
      `${work}: cold start`,
      's',
      pick('coldSeconds'),
      isLarge ? '<= 0.20' : undefined,
    ),
    ...compareRows(`${work}: of it the pull`, 's', pick('pullSeconds')),
    ...compareRows(`${work}: second start`, 's', pick('againSeconds')),
    ...compareRows(`${work}: moved`, 'MB', pick('megabytes'), isLarge ? '< 0.15' : undefined),
    ...compareRows(`${work}: requests`, '', pick('requests')),
  ];
}
