/** What tests with containers share: names, what is printed inside, and the end of everything. */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Containerd } from '../../support/containerd.ts';
import { mountsBelow } from '../../support/own-daemon.ts';
import type { OwnSnapshotter } from '../../support/own-snapshotter.ts';

const UNMOUNT_MS_MAX = 60_000;

/** A name of its own: runc knows the containers of the whole machine by name. */
export function containerName(): string {
  return `shoal-test-${randomBytes(6).toString('hex')}`;
}

/** Runs a script in a running container; what it prints, errors included. */
export function runInside(containerd: Containerd, name: string, script: string): Promise<string> {
  return outputOf(containerd, (uri) => [
    ...['tasks', 'exec', '--exec-id', containerName(), '--log-uri', uri],
    ...[name, 'sh', '-c', script],
  ]);
}

export type RunByCtr = {
  /** More options of `ctr run`. */
  readonly options?: readonly string[];
  /** @default the image's own */
  readonly command?: readonly string[];
};

/** Runs a container to its end by `ctr run --rm`; what it prints, errors included. */
export function runByCtr(
  containerd: Containerd,
  image: string,
  { options = [], command = [] }: RunByCtr = {},
): Promise<string> {
  return outputOf(containerd, (uri) => [
    ...['run', '--rm', '--snapshotter', 'shoal', '--log-uri', uri, ...options],
    ...[image, containerName(), ...command],
  ]);
}

/**
 * What is printed by what ctr starts and waits for, by way of a file that the shim writes. ctr's own
 * pipes lose output on a busy machine, and it ends with 0 nevertheless: when a program has ended, ctr
 * cancels them, whatever it has not read yet (1.6, 1.7 and 2.x alike). The shim waits for its copies
 * before it deletes what has ended, and ctr waits for that.
 */
async function outputOf(
  containerd: Containerd,
  argsFor: (uri: string) => readonly string[],
): Promise<string> {
  const file = join(containerd.directory, `${containerName()}.output`);
  const { exitCode, stderr } = await containerd.tryCtr(argsFor(`file://${file}`));
  const output = existsSync(file) ? readFileSync(file, 'utf8') : '';
  rmSync(file, { force: true });
  if (exitCode === 0) return output;
  throw new Error(`ctr ended with ${exitCode}: ${stderr}\nthe container printed: ${output}`);
}

/** Removes all images; then containerd keeps no snapshot, and the snapshotter nothing of them. */
export async function removeEverything(
  t: Test,
  containerd: Containerd,
  snapshotter: OwnSnapshotter,
): Promise<void> {
  const { stdout } = await containerd.ctr(['images', 'list', '--quiet']);
  const images = stdout.split('\n').filter((name) => name !== '');
  await containerd.ctr(['images', 'remove', '--sync', ...images]);
  await nothingIsLeft(t, containerd, snapshotter);
}

/** containerd, to which the snapshotter has the name, keeps no snapshot, and it nothing of them. */
export async function nothingIsLeft(
  t: Test,
  containerd: Containerd,
  snapshotter: OwnSnapshotter,
  proxyName = 'shoal',
): Promise<void> {
  const left = await containerd.ctr(['snapshots', '--snapshotter', proxyName, 'list']);
  t.equal(left.stdout.trim().split('\n').length, 1, 'only the head of the list');
  t.same(readdirSync(join(snapshotter.root, 'snapshots')), [], 'no directory is left');
  // Images are unmounted after the answer.
  const giveUpAt = Date.now() + UNMOUNT_MS_MAX;
  while (mountsBelow(snapshotter.root).length > 0 && Date.now() < giveUpAt) await sleep(50);
  const mounts = mountsBelow(snapshotter.root);
  if (mounts.length > 0) t.comment(snapshotter.log());
  t.same(mounts, [], 'no mount is left');
}
