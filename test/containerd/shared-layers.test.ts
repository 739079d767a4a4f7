/**
 * Ordinary images that share layers with one that is loaded lazily: what was never fetched of it is
 * there for them, whichever part they share and whichever goes first.
 */
import { join } from 'node:path';
import { temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { runShoal } from '../support/shoal-command.ts';
import { buildBusyboxLayout, buildOnBase, OUTPUT, pushLayout } from './support/busybox-image.ts';
import { containerName, removeEverything } from './support/containers.ts';
import { startNode } from './support/node.ts';
import { RELEASES } from './support/releases.ts';

const EXTRA = writeTar([
  { name: 'data/', type: 'directory' },
  { name: 'data/extra', content: 'extra\n' },
]);

for (const release of RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    const node = await startNode(t, release);
    if (node === undefined) return;
    const { containerd, ordinary, registry, snapshotter } = node;
    await runShoal([
      ...['convert', '--source', ordinary],
      ...['--target', `${registry.host}/test/ordinary:lazy`, '--with-referrer'],
    ]);
    const directory = temporaryDirectory(t);
    const above = `${registry.host}/test/above:latest`;
    await pushLayout(buildBusyboxLayout(join(directory, 'above'), [EXTRA]), above);
    const beside = `${registry.host}/test/beside:latest`;
    await pushLayout(buildOnBase(join(directory, 'beside'), [EXTRA]), beside);
    const outputs = new Map([
      [ordinary, OUTPUT],
      [above, 'added\nchanged\nextra\n'],
      [beside, 'old\nextra\nold\n'],
    ]);
    for (const order of [
      [ordinary, above, beside],
      [beside, ordinary, above],
    ]) {
      await t.test(order.map((image) => image.split('/').at(-1)).join(', '), async (t) => {
        for (const image of order) await containerd.client(['pull', image]);
        for (const [image, output] of outputs) {
          const { stdout } = await containerd.client(['run', image, containerName()]);
          t.equal(stdout, output, image);
        }
        const [first = ''] = order;
        await containerd.ctr(['images', 'remove', '--sync', first]);
        for (const image of order.slice(1)) {
          const { stdout } = await containerd.client(['run', image, containerName()]);
          t.equal(stdout, outputs.get(image), `${image} without ${first}`);
        }
        await removeEverything(t, containerd, snapshotter);
      });
    }
  });
}
