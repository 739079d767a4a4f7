/**
 * What a node that starts many containers asks of the snapshotter: root file systems prepared and
 * mounted per minute, how soon a killed daemon with many mounted images answers again, and what an idle
 * one takes. Containerd is played at the socket; the mounts are the kernel's, the daemon is a release's.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountOverlay, unmount } from '@shoal/linux';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { until } from '@shoal/test-kit';
import type { Mount } from '../../packages/snapshotter/src/grpc/gen/types/mount.ts';
import {
  convertDirectory,
  type MountWorld,
  mountWorld,
  writeFiles,
} from '../../test/support/mounted-image.ts';
import { unpackImageOf } from '../../test/support/pushed-image.ts';
import { Unpacker } from '../../test/support/unpacker.ts';
import { median } from '../harness/figures.ts';
import { processorMs, residentMiB, startReleaseDaemon } from '../harness/release-daemon.ts';
import type { Row, ScenarioResult } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';

export const snapshotsScenario: Scenario = {
  summary: 'containers prepared and mounted per minute, a restart with many mounts, an idle daemon',
  run,
};

const BAR_PER_MINUTE = '>= 1000';
const BAR_RESTART = '<= 2';
const BAR_IDLE_MIB = '<= 150';
const BAR_IDLE_CPU = 'none';
/** An idle daemon has ended what it needs for work only, and given memory back. */
const SETTLE_MS = 100_000;
const IDLE_MS = 60_000;

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  await using scope = new BenchScope();
  process.env['SHOAL_TEST_TMPDIR'] = directory;
  const images = options.isSmall ? 10 : 200;
  const idleImages = options.isSmall ? 5 : 50;
  const containers = options.isSmall ? 50 : 1000;
  const world = mountWorld(scope);
  const registry = await EmbeddedRegistry.listen();
  scope.teardown(() => registry.close());
  options.say('building the release');
  await startReleaseDaemon(scope, directory, world.daemon);
  await untilAnswering(world);
  const containerd = new Unpacker(join(world.daemon.run, 'snapshotter.sock'));
  scope.teardown(() => containerd.close());

  options.say(`pulling ${idleImages} images, and waiting until the daemon is idle`);
  const pull = (from: number, count: number) =>
    pullImages({ from, count, host: registry.host, containerd, directory });
  const first = await pull(0, idleImages);
  const rows: Row[] = await idle(world, idleImages, options.isSmall);
  options.say(`pulling ${images - idleImages} more`);
  const pulled = await pull(idleImages, images - idleImages);
  rows.push(pulled.row);
  options.say(`preparing, mounting and removing ${containers} containers`);
  for (const parallel of [1, 4]) {
    const place = join(directory, `containers-${parallel}`);
    const chainIds = [...first.chainIds, ...pulled.chainIds];
    rows.push(await cycles(containers, parallel, containerd, chainIds, place));
  }
  const { pid } = await world.client.ping();
  rows.push(figure(`memory with ${images} images mounted, busy`, residentMiB(pid), 'MiB'));
  options.say(`killing the daemon with ${images} images mounted`);
  rows.push(await restarts(world, containerd, options.runs, images));
  options.say('removing everything');
  rows.push(await removeImages(containerd, images));
  return {
    parameters: { images, containers, runs: options.runs },
    rows,
    notes: [
      'Each image is one mount; each container an overlay over one, with directories of its own.',
      'Restart: from the kill -9 to the first answer of the socket, every image served again; the daemon is a release, started again at once; the median of the runs.',
      `Idle: ${SETTLE_MS / 1000} s after the last pull; resident memory with Node's program (some 60 MiB, shared with other processes), processor time of all threads in a minute.`,
    ],
  };
}

/** Different images as far as the daemon knows: each has a manifest and a blob of its own. */
async function pullImages({
  from,
  count,
  host,
  containerd,
  directory,
}: {
  readonly from: number;
  readonly count: number;
  readonly host: string;
  readonly containerd: Unpacker;
  readonly directory: string;
}): Promise<{ chainIds: readonly string[]; row: Row }> {
  const references: string[] = [];
  for (let number = from; number < from + count; number++) {
    const source = join(directory, `source-${number}`);
    writeFiles(source, { 'etc/name': 100, 'bin/tool': 50_000 }, `image ${number}`);
    references.push(`${host}/image-${number}:latest`);
    await convertDirectory(source, `${host}/image-${number}:latest`);
  }
  const unpacked = await Promise.all(references.map((reference) => unpackImageOf(reference)));
  const startedAt = performance.now();
  const chainIds: string[] = [];
  for (const image of unpacked) chainIds.push((await containerd.pull(image)).chainId);
  const perMinute = (count / (performance.now() - startedAt)) * 60_000;
  return { chainIds, row: figure('image pulled and mounted', perMinute, '1/min') };
}

async function cycles(
  count: number,
  parallel: number,
  containerd: Unpacker,
  chainIds: readonly string[],
  directory: string,
): Promise<Row> {
  const numbers = Array.from({ length: count }, (_, number) => number).values();
  const startedAt = performance.now();
  const work = async () => {
    for (const number of numbers) {
      const key = `container-${parallel}-${number}`;
      const mountpoint = join(directory, key);
      mkdirSync(mountpoint, { recursive: true });
      const mounts = await containerd.prepare(key, chainIds[number % chainIds.length] ?? '');
      mountAll(mounts, mountpoint);
      unmount(mountpoint);
      await containerd.remove(key);
    }
  };
  await Promise.all(Array.from({ length: parallel }, work));
  const perMinute = (count / (performance.now() - startedAt)) * 60_000;
  const name = `prepare, mount, unmount, remove; ${parallel} at a time`;
  return { ...figure(name, perMinute, '1/min'), bar: BAR_PER_MINUTE };
}

function mountAll(mounts: readonly Mount[], mountpoint: string): void {
  const [mount] = mounts;
  if (mounts.length !== 1 || mount?.type !== 'overlay') throw new Error('one overlay, please');
  const option = (name: string) =>
    mount.options.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1) ?? '';
  mountOverlay({
    lower: option('lowerdir').split(':'),
    upper: option('upperdir'),
    work: option('workdir'),
    mountpoint,
  });
}

async function restarts(
  world: MountWorld,
  containerd: Unpacker,
  runs: number,
  images: number,
): Promise<Row> {
  const times: number[] = [];
  for (let number = 0; number < runs; number++) {
    const { pid } = await world.client.ping();
    process.kill(pid, 'SIGKILL');
    const startedAt = performance.now();
    await answers(containerd);
    times.push((performance.now() - startedAt) / 1000);
    await untilAnswering(world);
    const { mounts } = await world.status();
    if (mounts.length !== images) throw new Error(`${mounts.length} of ${images} images came back`);
  }
  const name = `restart with ${images} images mounted`;
  return { ...figure(name, median(times), 's'), bar: BAR_RESTART };
}

async function removeImages(containerd: Unpacker, images: number): Promise<Row> {
  const startedAt = performance.now();
  for (const name of containerd.names().toReversed()) await containerd.remove(name);
  const perMinute = (images / (performance.now() - startedAt)) * 60_000;
  return figure('image removed and unmounted', perMinute, '1/min');
}

/** What a daemon takes when nothing happens. */
async function idle(world: MountWorld, images: number, isSmall: boolean): Promise<Row[]> {
  const { pid } = await world.client.ping();
  await sleep(isSmall ? 1000 : SETTLE_MS);
  const before = processorMs(pid);
  await sleep(isSmall ? 1000 : IDLE_MS);
  const spent = processorMs(pid) - before;
  const memory = figure(`idle memory with ${images} images mounted`, residentMiB(pid), 'MiB');
  const processor = figure('processor time of an idle daemon', spent, 'ms/min');
  return [
    { ...memory, bar: BAR_IDLE_MIB },
    { ...processor, bar: BAR_IDLE_CPU },
  ];
}

/** At its own socket, where it says what it serves. */
async function untilAnswering(world: MountWorld): Promise<void> {
  await until('the daemon answers', () => world.client.ping().then(Boolean, () => false));
}

async function answers(containerd: Unpacker): Promise<void> {
  for (;;) {
    try {
      await containerd.list(['name==nothing']);
      return;
    } catch {
      await sleep(5);
    }
  }
}

function figure(work: string, value: number, unit: string): Row {
  return { work, contestant: 'shoal snapshotter', value, unit };
}
