/** An image is converted after it was pulled: the next pull of its name, a moment later, is lazy. */
import { join } from 'node:path';
import { ControlClient, daemonPaths } from '@shoal/node';
import { requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { runShoal } from '../support/shoal-command.ts';
import { buildBusyboxLayout, OUTPUT, pushLayout } from './support/busybox-image.ts';
import { containerName, removeEverything } from './support/containers.ts';
import { startRelease } from './support/releases.ts';

t.setTimeout(600_000);

/** A busy machine may take longer to mount than a pull waits by default. */
const PATIENT = '[snapshotter]\nlookup_timeout_ms = 60000\n';

t.test('converted between two pulls', async (t) => {
  if (!requireTool(t, 'docker-registry', 'skopeo', 'busybox')) return;
  const directory = temporaryDirectory(t);
  const registry = await startDockerRegistry(t, join(directory, 'registry'));
  const snapshotter = await startSnapshotter(t, { config: PATIENT });
  const containerd = await startRelease(t, '2', snapshotter);
  if (containerd === undefined) return;
  const { root, run } = snapshotter;
  const control = new ControlClient(daemonPaths({ root, run }).socket);
  const image = `${registry.host}/test/app:plain`;
  await pushLayout(buildBusyboxLayout(join(directory, 'layout')), image);
  await containerd.client(['pull', image]);
  t.match((await control.status()).images, {
    lazy: [],
    ordinary: [{ imageRef: image, reason: /is not a converted image/ }],
  });
  await containerd.ctr(['images', 'remove', '--sync', image]);
  await until('nothing is left of it', async () => {
    return (await control.status()).images.ordinary.length === 0;
  });
  const target = `${registry.host}/test/app:lazy`;
  await runShoal(['convert', '--source', image, '--target', target, '--with-referrer']);
  await containerd.client(['pull', image]);
  t.match((await control.status()).images, { lazy: [{ imageRef: image }], ordinary: [] });
  t.equal((await containerd.client(['run', image, containerName()])).stdout, OUTPUT);
  await removeEverything(t, containerd, snapshotter);
});
