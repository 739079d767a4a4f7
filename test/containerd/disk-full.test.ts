/**
 * The disk below everything the snapshotter keeps is full: containers that run read on, also what has to
 * be fetched; a new one is refused in words; with room again all goes on, and both sides know the same.
 */
import { createHash } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { mountSmallDisk } from '../support/full-disk.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { runShoal } from '../support/shoal-command.ts';
import { buildBusyboxLayout, LARGE_BYTES, largeContent, OUTPUT } from './support/busybox-image.ts';
import { containerName, removeEverything, runInside } from './support/containers.ts';
import { startRelease } from './support/releases.ts';

t.setTimeout(600_000);

const CONFIG = '[cache]\nhigh_percent = 100\n[snapshotter]\nlookup_timeout_ms = 60000\n';

t.test('a full disk below a running container', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'busybox', 'mkfs.ext4')) return;
  const directory = temporaryDirectory(t);
  const registry = await startDockerRegistry(t, join(directory, 'registry'));
  const node = join(directory, 'node');
  const state = join(node, 'state');
  const disk = await mountSmallDisk(t, join(directory, 'disk'), state, '48M');
  const snapshotter = await startSnapshotter(t, { directory: node, config: CONFIG });
  const containerd = await startRelease(t, '2', snapshotter);
  if (containerd === undefined) return;
  const image = `${registry.host}/test/converted:latest`;
  const layout = buildBusyboxLayout(join(directory, 'layout'));
  await runShoal(['convert', '--source', `oci:${layout}`, '--target', image]);
  await containerd.client(['pull', image]);
  const name = containerName();
  const run = ['run', '--detach', '--snapshotter', 'shoal', image, name, 'sleep', '10000'];
  await containerd.ctr(run);
  disk.fill();

  const digest = createHash('sha256').update(largeContent()).digest('hex');
  const sum = await runInside(containerd, name, 'sha256sum /unread');
  t.equal(sum, `${digest}  /unread\n`, `${LARGE_BYTES} bytes`);
  const refused = await containerd.tryClient(['run', image, containerName()]);
  t.not(refused.exitCode, 0);
  t.match(
    refused.stderr,
    /disk is full|no space/i,
    'a new container is refused, and it is said why',
  );

  rmSync(disk.ballast);
  await until('a new container starts', async () => {
    const { exitCode, stdout } = await containerd.tryClient(['run', image, containerName()]);
    return exitCode === 0 && stdout === OUTPUT;
  });
  await containerd.ctr(['tasks', 'delete', '--force', name]);
  await containerd.ctr(['containers', 'delete', name]);
  await removeEverything(t, containerd, snapshotter);
  t.same(readdirSync(join(state, 'snapshots')), []);
});
