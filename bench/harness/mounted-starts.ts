/**
 * One start of a program from a mounted image, without containerd: Shoal and the real nydusd with the
 * same converted image from the same registry.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { nydusDirectory, runChecked, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { mountWithNydusd } from '../../test/interop/support/nydusd-mount.ts';
import { takeApart } from '../../test/support/converted-layout.ts';
import type { Program, PushedImages } from './applications.ts';
import { mountLazily } from './lazy-mount.ts';
import type { LimitedRegistry } from './limited-registry.ts';
import { BenchScope } from './scope.ts';
import { dropCaches } from './tree-reader.ts';

export type MountedStart = {
  /** From the order to mount to the end of a program that prints and ends. */
  readonly seconds: number;
  readonly megabytes: number;
  readonly requests: number;
};

export type MountedStartTask = {
  readonly by: 'nydusd' | 'shoal';
  /** The converted image, with its registry. */
  readonly name: string;
  readonly program: Program;
  readonly registry: LimitedRegistry;
  /** Megabits per second. */
  readonly link: number;
  /** A small image that Shoal's daemon, which serves all images of a host, has mounted before. */
  readonly warmUp: PushedImages;
};

const NYDUSD = join(nydusDirectory(), 'bin', 'nydusd');

export function hasNydusd(): boolean {
  return existsSync(NYDUSD);
}

/** With nothing of the image on the host, and empty page caches. */
export async function measureMountedStart(task: MountedStartTask): Promise<MountedStart> {
  await using scope = new BenchScope();
  const directory = temporaryDirectory(scope, 'shoal-mounted-');
  const mount = await (task.by === 'shoal' ? prepareShoal : prepareNydusd)(scope, task, directory);
  const { registry, link } = task;
  await registry.limit(link);
  await dropCaches();
  const before = { bytes: registry.bytesSent(), requests: registry.requests() };
  const startedAt = performance.now();
  await runWithin(await mount(), task.program);
  return {
    seconds: (performance.now() - startedAt) / 1e3,
    megabytes: (registry.bytesSent() - before.bytes) / 1e6,
    requests: registry.requests() - before.requests,
  };
}

/** Resolves to the mountpoint. */
type Mount = () => Promise<string>;

async function prepareShoal(
  scope: TestScope,
  { name, warmUp }: MountedStartTask,
  directory: string,
): Promise<Mount> {
  const small = await mountLazily(scope, warmUp.lazy, directory, ['--plain-http']);
  const mountpoint = join(directory, 'image');
  return async () => {
    await small.mountAlso(name, mountpoint);
    return mountpoint;
  };
}

/** Its bootstrap is on the host already: fetching it is another program's work. */
async function prepareNydusd(
  scope: TestScope,
  { name, registry }: MountedStartTask,
  directory: string,
): Promise<Mount> {
  const layout = join(directory, 'layout');
  const copy = ['copy', '--quiet', '--src-tls-verify=false'];
  await registry.limit(undefined);
  await runChecked('skopeo', [...copy, `docker://${name}`, `oci:${layout}:latest`]);
  const { bootstrap } = takeApart(layout, join(directory, 'parts'));
  const repository = name.slice(name.indexOf('/') + 1, name.lastIndexOf(':'));
  const work = join(directory, 'nydusd');
  mkdirSync(work);
  return () =>
    mountWithNydusd(scope, {
      ...{ program: NYDUSD, bootstrap, directory: work, prefetches: true },
      backend: { type: 'registry', host: registry.host, repository },
    });
}

/** What a program needs besides its files. */
const SURROUND = `
for place in dev proc; do mount --rbind /$place $0/$place; done
mount -t tmpfs none $0/tmp
exec chroot "$0" "$@"`;

async function runWithin(mountpoint: string, { command }: Program): Promise<void> {
  await runChecked('unshare', ['-m', 'sh', '-ec', SURROUND, mountpoint, ...command], {
    timeoutMs: 900_000,
  });
}
