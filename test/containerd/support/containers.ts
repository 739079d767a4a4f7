/** What tests with containers share: names, and the end of everything. */
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import type { Containerd } from '../../support/containerd.ts';
import { mountsBelow } from '../../support/own-daemon.ts';
import type { OwnSnapshotter } from '../../support/own-snapshotter.ts';

const UNMOUNT_MS_MAX = 60_000;
const READS_MAX = 10;
const END = 'end of output';

/** A name of its own: runc knows the containers of the whole machine by name. */
export function containerName(): string {
  return `shoal-test-${randomBytes(6).toString('hex')}`;
}

/**
 * Runs a script in a running container; what it prints. By way of a file: ctr of 1.6 now and then
 * ends before an exec's output has come through, on a busy machine.
 */
export async function runInside(
  containerd: Containerd,
  name: string,
  script: string,
): Promise<string> {
  const exec = (text: string) =>
    containerd.ctr([
      ...['tasks', 'exec', '--exec-id', containerName(), name],
      ...['sh', '-c', text],
    ]);
  const file = `/tmp/${containerName()}`;
  await exec(`{ ${script}\n} > ${file} && echo ${END} >> ${file}`);
  for (let tries = 0; tries < READS_MAX; tries++) {
    const { stdout } = await exec(`cat ${file}`);
    if (stdout.endsWith(`${END}\n`)) return stdout.slice(0, -`${END}\n`.length);
  }
  throw new Error(`nothing comes from ${name}`);
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
  const left = await containerd.ctr(['snapshots', '--snapshotter', 'shoal', 'list']);
  t.equal(left.stdout.trim().split('\n').length, 1, 'only the head of the list');
  t.same(readdirSync(join(snapshotter.root, 'snapshots')), [], 'no directory is left');
  // Images are unmounted after the answer.
  const giveUpAt = Date.now() + UNMOUNT_MS_MAX;
  while (mountsBelow(snapshotter.root).length > 0 && Date.now() < giveUpAt) await sleep(50);
  const mounts = mountsBelow(snapshotter.root);
  if (mounts.length > 0) t.comment(snapshotter.log());
  t.same(mounts, [], 'no mount is left');
}
