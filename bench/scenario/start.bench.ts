/**
 * From pulling an image to the first line its program prints, over a link of a given rate, with
 * containerd's overlayfs and with `shoal snapshotter` below the same containerd. Both pull as CRI
 * does. Cold means: nothing of the image on the host, and empty page caches.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Installation, startRelease } from '../../test/containerd/support/releases.ts';
import { startSnapshotter } from '../../test/support/own-snapshotter.ts';
import { APPLICATIONS, type PushedApplication, pushApplication } from '../harness/applications.ts';
import { median } from '../harness/figures.ts';
import { type LimitedRegistry, startLimitedRegistry } from '../harness/limited-registry.ts';
import { compareRows, type Row, type ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';
import { dropCaches } from '../harness/tree-reader.ts';

export const startScenario: Scenario = {
  summary: 'pull to first output over 1 Gbit/s and 100 Mbit/s, beside containerd overlayfs',
  run,
};

/** Megabits per second. */
const LINKS = [1000, 100];
const LARGE_BYTES_MIN = 1e9;

type Start = {
  /** From the start of the pull to the first byte of output. */
  readonly coldSeconds: number;
  readonly bytes: number;
  readonly requests: number;
  /** From the start of a second container to its first byte of output. */
  readonly againSeconds: number;
};

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  await using scope = new BenchScope();
  const registry = await startLimitedRegistry(scope, join(directory, 'registry'));
  const rows: Row[] = [];
  const chosen = options.isSmall ? APPLICATIONS.slice(0, 1) : APPLICATIONS;
  for (const application of chosen) {
    options.say(`${application.name}: making and pushing both images`);
    const image = await pushApplication(application, registry.host, directory);
    for (const link of options.isSmall ? LINKS.slice(0, 1) : LINKS) {
      rows.push(...(await compareStarts(image, link, registry, options, directory)));
    }
    await registry.limit(undefined);
  }
  return {
    parameters: { applications: chosen.length, runs: options.runs, containerd: '1.6 (Debian)' },
    rows,
    notes: [
      'An image is one gzip layer, converted with the defaults; containerd pulls as CRI does.',
      'Bytes are those on the link, all headers counted; requests those the registry answered.',
      'nydusd with nydus-snapshotter and stargz-snapshotter are not on this machine.',
    ],
  };
}

async function compareStarts(
  image: PushedApplication,
  link: number,
  registry: LimitedRegistry,
  options: ScenarioOptions,
  directory: string,
): Promise<Row[]> {
  const starts = new Map<string, Start[]>([
    ['containerd overlayfs', []],
    ['shoal', []],
  ]);
  for (let round = 0; round < options.runs; round++) {
    for (const [who, list] of starts) {
      options.say(`${image.name}, ${link} Mbit/s, ${who}`);
      await registry.limit(link);
      list.push(await measureStart(image, registry, who === 'shoal', directory));
    }
  }
  const work = `${image.name} (${Math.round(image.bytes / 1e6)} MB), ${link} Mbit/s`;
  const pick = (figure: (start: Start) => number) =>
    new Map([...starts].map(([who, list]) => [who, median(list.map(figure))]));
  const isLarge = image.bytes >= LARGE_BYTES_MIN && link === 1000;
  return [
    ...compareRows(
      `${work}: cold start`,
      's',
      pick(({ coldSeconds }) => coldSeconds),
      isLarge ? '<= 0.20' : undefined,
    ),
    ...compareRows(
      `${work}: bytes`,
      'MB',
      pick(({ bytes }) => bytes / 1e6),
      isLarge ? '< 0.15' : undefined,
    ),
    ...compareRows(
      `${work}: requests`,
      '',
      pick(({ requests }) => requests),
    ),
    ...compareRows(
      `${work}: second start`,
      's',
      pick(({ againSeconds }) => againSeconds),
    ),
  ];
}

/** Everything anew, on an empty directory. */
async function measureStart(
  image: PushedApplication,
  registry: LimitedRegistry,
  isLazy: boolean,
  directory: string,
): Promise<Start> {
  await using scope = new BenchScope();
  const snapshotter = await startSnapshotter(scope, {
    config: `[registry]\nconfig_path = "${hostsDirectory(directory, registry.host)}"\n`,
  });
  const containerd = await startRelease(scope, '1.6', snapshotter);
  if (containerd === undefined) throw new Error('containerd 1.6 cannot run here');
  await dropCaches();
  const before = { bytes: registry.bytesSent(), requests: registry.requests() };
  const name = isLazy ? image.lazy : image.ordinary;
  const flags = ['-snapshotter', isLazy ? 'shoal' : 'overlayfs'];
  const startedAt = performance.now();
  await containerd.client([...flags, 'pull', name], { timeoutMs: 900_000 });
  const pulledAt = performance.now();
  const first = await firstOutputMs(containerd, [...flags, 'run', name], image.command);
  const start = {
    coldSeconds: (pulledAt - startedAt + first) / 1e3,
    bytes: registry.bytesSent() - before.bytes,
    requests: registry.requests() - before.requests,
  };
  const again = await firstOutputMs(containerd, [...flags, 'run', name], image.command);
  return { ...start, againSeconds: again / 1e3 };
}

/** containerd's own form of "this registry speaks plain HTTP". */
function hostsDirectory(directory: string, host: string): string {
  const hosts = join(directory, 'certs.d');
  mkdirSync(join(hosts, host), { recursive: true });
  writeFileSync(join(hosts, host, 'hosts.toml'), `server = "http://${host}"\n`);
  return hosts;
}

let containers = 0;

/** Runs a container to its end; milliseconds until its first byte of output. */
async function firstOutputMs(
  containerd: Installation,
  run: readonly string[],
  command: readonly string[],
): Promise<number> {
  const id = `shoal-bench-${process.pid}-${containers++}`;
  const args = ['-plain-http', ...run, id, ...command];
  const startedAt = performance.now();
  const child = spawn(containerd.clientProgram, args, { env: containerd.env });
  let first: number | undefined;
  let errors = '';
  child.stdout.on('data', () => {
    first ??= performance.now() - startedAt;
  });
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString('utf8');
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (first === undefined || code !== 0) throw new Error(`${run.join(' ')}: ${code}\n${errors}`);
  return first;
}
