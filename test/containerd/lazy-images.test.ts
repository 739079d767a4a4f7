/**
 * Converted images with `shoal snapshotter` below containerd 1.6, 1.7 and 2.x: a pull fetches no file,
 * a container reads what it needs, and ordinary images are on the same node.
 */
import { until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { LARGE_BYTES, OUTPUT } from './support/busybox-image.ts';
import { containerName, removeEverything, runByCtr, runInside } from './support/containers.ts';
import { type Node, startNode } from './support/node.ts';
import { RELEASES } from './support/releases.ts';

for (const release of RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    const node = await startNode(t, release);
    if (node === undefined) return;
    await t.test('a pull as CRI does', (t) => lazyPull(t, node));
    await t.test('ctr images pull', (t) => pullByCtr(t, node));
    await t.test('both kinds on one node', (t) => bothKinds(t, node));
    await t.test('what is pruned beside a container', (t) => pruning(t, node));
  });
}

async function lazyPull(t: Test, node: Node): Promise<void> {
  const { containerd, converted, registry, snapshotter } = node;
  const before = registry.blobBytesSent();
  await containerd.client(['pull', converted]);
  const sentByPull = registry.blobBytesSent() - before;
  t.ok(sentByPull < LARGE_BYTES / 50, `the pull moved ${sentByPull} bytes`);
  t.equal((await containerd.client(['run', converted, containerName()])).stdout, OUTPUT);
  const sentByRun = registry.blobBytesSent() - before - sentByPull;
  t.ok(sentByRun < LARGE_BYTES / 2, `the container read ${sentByRun} bytes`);
  const args = ['sh', '-c', 'echo new > new; rm added; cat new; ls'];
  const { stdout } = await containerd.client(['run', converted, containerName(), ...args]);
  t.equal(stdout, 'new\nchanged\nnew\n', 'it is writable');
  await removeEverything(t, containerd, snapshotter);
}

/**
 * ctr of 1.x fetches all blobs and tells the snapshotter nothing of the image, so every layer must be
 * unpacked, and no containerd can unpack a data blob. It says so and leaves nothing behind.
 */
async function pullByCtr(t: Test, node: Node): Promise<void> {
  const { containerd, converted, registry, snapshotter } = node;
  const before = registry.blobBytesSent();
  const pull = ['images', 'pull', '--plain-http', '--snapshotter', 'shoal', converted];
  if (containerd.release !== '2') {
    const message = /no processor for media-type/;
    await t.rejects(containerd.ctr(pull), { message }, 'refused by containerd');
  } else {
    await containerd.ctr(pull);
    const sent = registry.blobBytesSent() - before;
    t.ok(sent < LARGE_BYTES / 50, `the pull moved ${sent} bytes`);
    t.equal(await runByCtr(containerd, converted), OUTPUT);
  }
  await removeEverything(t, containerd, snapshotter);
}

async function bothKinds(t: Test, node: Node): Promise<void> {
  const { containerd, converted, ordinary, snapshotter } = node;
  for (const image of [ordinary, converted]) await containerd.client(['pull', image]);
  const names = [ordinary, converted].map((image) => ({ image, name: containerName() }));
  for (const { image, name } of names) {
    await containerd.ctr([
      ...['run', '--detach', '--snapshotter', 'shoal'],
      ...[image, name, 'sleep', '1000'],
    ]);
  }
  for (const { image, name } of names) {
    t.equal(await runInside(containerd, name, 'cat /data/*'), OUTPUT, image);
    await containerd.ctr(['tasks', 'delete', '--force', name]);
    await containerd.ctr(['containers', 'delete', name]);
  }
  await removeEverything(t, containerd, snapshotter);
}

/** Since 2.0 images that no container uses; before, only content that is unpacked already. */
async function pruning(t: Test, node: Node): Promise<void> {
  const { containerd, converted, ordinary, snapshotter } = node;
  const linesOf = async (args: readonly string[]) =>
    (await containerd.ctr(args)).stdout
      .split('\n')
      .filter((line) => line !== '')
      .toSorted();
  const snapshots = () => linesOf(['snapshots', '--snapshotter', 'shoal', 'list']);
  const name = containerName();
  await containerd.client(['pull', converted]);
  await containerd.ctr([
    ...['run', '--detach', '--snapshotter', 'shoal'],
    ...[converted, name, 'sleep', '1000'],
  ]);
  const before = await snapshots();
  await containerd.client(['pull', ordinary]);
  const isOld = containerd.release !== '2';
  const kind = isOld ? ['content', 'prune', 'references'] : ['images', 'prune', '--all'];
  await containerd.ctr(kind);
  const kept = isOld ? [converted, ordinary] : [converted];
  t.same(await linesOf(['images', 'list', '--quiet']), kept);
  if (!isOld) {
    await until('snapshots of the other image have gone', async () => {
      return (await snapshots()).join() === before.join();
    });
  }
  t.equal(await runInside(containerd, name, 'cat /data/*'), OUTPUT, 'it notices nothing');
  const next = await containerd.client(['run', converted, containerName()]);
  t.equal(next.stdout, OUTPUT, 'another one starts');
  await containerd.ctr(['tasks', 'delete', '--force', name]);
  await containerd.ctr(['containers', 'delete', name]);
  await removeEverything(t, containerd, snapshotter);
}
