/**
 * An image is pulled, run and removed from containerd: what is here of it is listed, then collected,
 * and an image that a container uses loses nothing.
 */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CollectedCache, ControlClient, daemonPaths } from '@shoal/node';
import { requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { type OwnSnapshotter, startSnapshotter } from '../support/own-snapshotter.ts';
import { runShoal } from '../support/shoal-command.ts';
import { buildBusyboxLayout, LARGE_BYTES, largeContent, OUTPUT } from './support/busybox-image.ts';
import { containerName, removeEverything, runInside } from './support/containers.ts';
import { OUTER_RELEASES, startRelease } from './support/releases.ts';

t.setTimeout(600_000);

/** However full the disk of this machine is, nothing goes by itself. */
const CONFIG = '[cache]\nhigh_percent = 100\n[snapshotter]\nlookup_timeout_ms = 60000\n';
const HALF_BYTES = LARGE_BYTES / 2;

for (const release of OUTER_RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    if (!requireTool(t, 'docker-registry', 'busybox')) return;
    const directory = temporaryDirectory(t);
    const registry = await startDockerRegistry(t, join(directory, 'registry'));
    const snapshotter = await startSnapshotter(t, { config: CONFIG });
    const containerd = await startRelease(t, release, snapshotter);
    if (containerd === undefined) return;
    const layout = buildBusyboxLayout(join(directory, 'layout'));
    // Chunks of another size, so that the two share no blob.
    const images = ['goes', 'stays'].map((name) => `${registry.host}/test/${name}:latest`);
    const [goes = '', stays = ''] = images;
    await runShoal(['convert', '--source', `oci:${layout}`, '--target', goes]);
    const small = ['--chunk-size', '64k'];
    await runShoal(['convert', '--source', `oci:${layout}`, '--target', stays, ...small]);
    for (const image of images) await containerd.client(['pull', image]);
    t.equal((await containerd.client(['run', goes, containerName()])).stdout, OUTPUT);
    const user = containerName();
    const run = ['run', '--detach', '--snapshotter', 'shoal', stays, user, 'sleep', '10000'];
    await containerd.ctr(run);
    const half = (which: number) =>
      runInside(
        containerd,
        user,
        `dd if=/unread bs=${HALF_BYTES} count=1 skip=${which} 2>/dev/null | sha256sum`,
      );
    t.equal(await half(0), digestOfHalf(0));
    t.same((await collect(snapshotter, '--all')).blobs, [], 'both are in use');
    const before = dataFiles(snapshotter);

    await containerd.ctr(['images', 'remove', '--sync', goes]);
    const { root, run: runDirectory } = snapshotter;
    const control = new ControlClient(daemonPaths({ root, run: runDirectory }).socket);
    await until('its image has gone', async () => (await control.status()).mounts.length === 1);
    const listed = await collect(snapshotter, '--all', '--dry-run');
    t.equal(listed.blobs.length, 1);
    t.match(listed.blobs, [{ isRemoved: true, reason: 'asked for' }]);
    t.ok(listed.freedBytes > 0);
    t.same(dataFiles(snapshotter), before, 'a dry run removes nothing');
    const words = await runShoal(['cache', 'gc', '--all', '--dry-run'], { env: snapshotter.env });
    t.match(words.stdout, /its image was removed.*\n.*would be freed, 1 blob/);

    const done = await collect(snapshotter, '--all');
    t.same(keysOf(done), keysOf(listed), 'what was listed went');
    const left = before.filter((file) => !keysOf(listed).some((key) => file.startsWith(key)));
    t.same(dataFiles(snapshotter), left, 'and nothing else');
    t.equal(await half(0), digestOfHalf(0), 'what was here of the other image is right');
    t.equal(await half(1), digestOfHalf(1), 'and so is what was not');
    t.match(await runShoal(['cache', 'verify'], { env: snapshotter.env }), { stdout: /sound/ });
    await pullAgain(t, { containerd, image: goes });
    await containerd.ctr(['tasks', 'delete', '--force', user]);
    await containerd.ctr(['containers', 'delete', user]);
    await removeEverything(t, containerd, snapshotter);
  });
}

type Pull = {
  readonly containerd: NonNullable<Awaited<ReturnType<typeof startRelease>>>;
  readonly image: string;
};

async function pullAgain(t: Test, { containerd, image }: Pull): Promise<void> {
  await containerd.client(['pull', image]);
  const { stdout } = await containerd.client(['run', image, containerName()]);
  t.equal(stdout, OUTPUT, 'the image that went can be had again');
}

async function collect(
  { env }: OwnSnapshotter,
  ...flags: readonly string[]
): Promise<CollectedCache> {
  const { stdout } = await runShoal(['cache', 'gc', '--json', ...flags], { env });
  const [cache]: CollectedCache[] = JSON.parse(stdout);
  if (cache === undefined) throw new Error('no cache');
  return cache;
}

function keysOf({ blobs }: CollectedCache): string[] {
  return blobs.map(({ key }) => key);
}

function dataFiles({ root }: OwnSnapshotter): string[] {
  const names = readdirSync(join(root, 'cache'));
  return names.filter((name) => name.endsWith('.blob.data')).toSorted();
}

function digestOfHalf(which: number): string {
  const bytes = largeContent().subarray(which * HALF_BYTES, (which + 1) * HALF_BYTES);
  return `${createHash('sha256').update(bytes).digest('hex')}  -\n`;
}
