/**
 * Images committed above converted ones, with `shoal snapshotter` below containerd 1.6, 1.7 and 2.x: what
 * a container wrote is an ordinary layer on the lazily loaded image, also when it is pulled again.
 */
import t, { type Test } from 'tap';
import { tryShoal } from '../support/shoal-command.ts';
import { containerName, removeEverything } from './support/containers.ts';
import { type Node, startNode } from './support/node.ts';
import { RELEASES } from './support/releases.ts';

for (const release of RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    const node = await startNode(t, release);
    if (node !== undefined) await commitAbove(t, node);
  });
}

async function commitAbove(t: Test, node: Node): Promise<void> {
  const { containerd, converted, registry, snapshotter } = node;
  const name = containerName();
  const committed = `${registry.host}/test/committed:latest`;
  await containerd.client(['pull', converted]);
  const script = 'rm added; echo more >> changed; mkdir below; echo new > below/new; sleep 1000';
  await containerd.ctr([
    ...['run', '--detach', '--snapshotter', 'shoal'],
    ...[converted, name, 'sh', '-c', script],
  ]);
  const wait = ['sh', '-c', 'until cat below/new; do sleep 0.1; done'];
  await containerd.ctr(['tasks', 'exec', '--exec-id', containerName(), name, ...wait]);
  await containerd.client(['commit', name, committed]);
  // containerd pushes from its own content only; nerdctl fetches what is missing by itself.
  await containerd.ctr(['content', 'fetch', '--plain-http', converted]);
  await containerd.ctr(['images', 'push', '--plain-http', committed]);
  await containerd.ctr(['tasks', 'delete', '--force', name]);
  await containerd.ctr(['containers', 'delete', name]);
  await removeEverything(t, containerd, snapshotter);
  const listed = await tryShoal(['ls', committed]);
  t.match(listed.stderr, /ordinary layers above its converted ones/, 'no command shows half of it');
  await containerd.client(['pull', committed]);
  const args = ['sh', '-c', 'cat changed below/new; ls'];
  const { stdout } = await containerd.client(['run', committed, containerName(), ...args]);
  t.equal(stdout, 'changed\nmore\nnew\nbelow\nchanged\n', 'the committed image');
  await removeEverything(t, containerd, snapshotter);
}
