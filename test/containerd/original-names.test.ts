/**
 * An original name is pulled and its converted image is used: a referrer of it, or beside it in its
 * index. Who fetches every layer before it asks the snapshotter has the original, as ever.
 */
import t, { type Test } from 'tap';
import { runShoal } from '../support/shoal-command.ts';
import { LARGE_BYTES, OUTPUT } from './support/busybox-image.ts';
import { containerName, removeEverything, runByCtr } from './support/containers.ts';
import { type Node, startNode } from './support/node.ts';
import { RELEASES } from './support/releases.ts';

for (const release of RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    const node = await startNode(t, release);
    if (node === undefined) return;
    const { ordinary, registry } = node;
    const merged = `${registry.host}/test/merged:latest`;
    const convert = ['convert', '--source', ordinary, '--target'];
    await runShoal([...convert, merged, '--merge-platform']);
    await t.test('an index of both', (t) => pullLazily(t, node, merged));
    await t.test('an index of both, by ctr', (t) => pullByCtr(t, node, merged));
    await runShoal([...convert, `${registry.host}/test/ordinary:lazy`, '--with-referrer']);
    await t.test('a referrer', (t) => pullLazily(t, node, ordinary));
    await t.test('a referrer, by ctr', (t) => pullByCtr(t, node, ordinary));
  });
}

async function pullLazily(t: Test, node: Node, image: string): Promise<void> {
  const { containerd, snapshotter } = node;
  t.ok((await bytesOf(node, () => containerd.client(['pull', image]))) < LARGE_BYTES / 10);
  t.equal((await containerd.client(['run', image, containerName()])).stdout, OUTPUT);
  await removeEverything(t, containerd, snapshotter);
}

/** ctr of 1.x tells a snapshotter nothing of the image. */
async function pullByCtr(t: Test, node: Node, image: string): Promise<void> {
  const { containerd, snapshotter } = node;
  const pull = ['images', 'pull', '--plain-http', '--snapshotter', 'shoal', image];
  const bytes = await bytesOf(node, () => containerd.ctr(pull));
  if (containerd.release === '2') t.ok(bytes < LARGE_BYTES / 10, `${bytes} bytes, lazy`);
  else t.ok(bytes > LARGE_BYTES, `${bytes} bytes, not lazy`);
  t.equal(await runByCtr(containerd, image), OUTPUT);
  await removeEverything(t, containerd, snapshotter);
}

/** Bytes of blobs that the registry sends meanwhile. */
async function bytesOf({ registry }: Node, work: () => Promise<unknown>): Promise<number> {
  const before = registry.blobBytesSent();
  await work();
  return registry.blobBytesSent() - before;
}
