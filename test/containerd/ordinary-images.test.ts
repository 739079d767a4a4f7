/**
 * Ordinary images with `shoal snapshotter` below containerd 1.6, 1.7 and 2.x: pull, run, exec, commit,
 * push, remove, as with containerd's own snapshotter.
 */
import { join } from 'node:path';
import { requireTool, temporaryDirectory } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { buildBusyboxLayout, OUTPUT, pushLayout } from './support/busybox-image.ts';
import { containerName, removeEverything, runByCtr, runInside } from './support/containers.ts';
import { type Installation, RELEASES, startRelease } from './support/releases.ts';

for (const release of RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    if (!requireTool(t, 'docker-registry', 'skopeo', 'busybox')) return;
    const directory = temporaryDirectory(t);
    const registry = await startDockerRegistry(t, join(directory, 'registry'));
    const snapshotter = await startSnapshotter(t);
    const containerd = await startRelease(t, release, snapshotter);
    if (containerd === undefined) return;
    const image = `${registry.host}/test/busybox:latest`;
    await pushLayout(buildBusyboxLayout(join(directory, 'layout')), image);
    await pullAndRun(t, containerd, image);
    const committed = `${registry.host}/test/committed:latest`;
    await execAndCommit(t, containerd, { image, committed });
    await removeEverything(t, containerd, snapshotter);
    await pullCommitted(t, containerd, committed);
    await removeEverything(t, containerd, snapshotter);
  });
}

async function pullAndRun(t: Test, containerd: Installation, image: string): Promise<void> {
  await containerd.ctr(['images', 'pull', '--plain-http', '--snapshotter', 'shoal', image]);
  t.equal(await runByCtr(containerd, image), OUTPUT, 'ctr run');
  const name = containerName();
  const args = ['sh', '-c', 'echo written > new; cat new; exit 7'];
  const byClient = await containerd.tryClient(['run', image, name, ...args]);
  t.match(byClient, { stdout: 'written\n', exitCode: 7 }, 'client run');
  const again = await containerd.client(['run', image, name]);
  t.equal(again.stdout, OUTPUT, 'nothing of a removed container is left');
}

type Images = { readonly image: string; readonly committed: string };

async function execAndCommit(t: Test, containerd: Installation, images: Images): Promise<void> {
  const { image, committed } = images;
  const name = containerName();
  const run = ['run', '--detach', '--snapshotter', 'shoal', image, name, 'sleep', '1000'];
  await containerd.ctr(run);
  const inside = (script: string) => runInside(containerd, name, script);
  t.equal(await inside('cat /data/changed'), 'changed\n', 'exec');
  await inside('rm added; echo more >> changed; mkdir below; echo new > below/new');
  await containerd.client(['commit', name, committed]);
  await containerd.ctr(['images', 'push', '--plain-http', committed]);
  await containerd.ctr(['tasks', 'delete', '--force', name]);
  await containerd.ctr(['containers', 'delete', name]);
}

async function pullCommitted(t: Test, containerd: Installation, image: string): Promise<void> {
  await containerd.client(['pull', image]);
  const args = ['sh', '-c', 'cat changed below/new; ls'];
  const { stdout } = await containerd.client(['run', image, containerName(), ...args]);
  t.equal(stdout, 'changed\nmore\nnew\nbelow\nchanged\n', 'the committed image');
}
