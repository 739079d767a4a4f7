/**
 * Lazily loaded images when something is wrong: with the image, with the registry, with what others
 * do to the mounts. A pull fails alone, with its reason, and no container sees wrong files.
 */
import { gunzipSync } from 'node:zlib';
import { status } from '@grpc/grpc-js';
import { parseReference, sha256Digest } from '@shoal/oci';
import { decodeBootstrapLayerTar, encodeBootstrapLayerTar } from '@shoal/rafs';
import { collectBounded, openSource, openTarget, readDocument } from '@shoal/registry-client';
import { requireMounts, runChecked } from '@shoal/test-kit';
import t from 'tap';
import { LOOK, lazyWorld, SEEN } from '../support/lazy-world.ts';
import { pushLayout, unpackImageOf } from '../support/pushed-image.ts';
import { isStatus, runMounted } from '../support/unpacker.ts';

t.setTimeout(540_000);

/** The converted image again, with a bootstrap whose root inode leads outside. */
async function pushBroken(from: string, to: string): Promise<void> {
  await using source = await openSource(parseReference(from), { plainHttp: true });
  await using target = await openTarget(parseReference(to), { plainHttp: true });
  const manifest = await readDocument(source, await source.resolve());
  if (manifest.kind !== 'manifest') throw new Error('one image');
  const top = manifest.layers.at(-1);
  if (top === undefined) throw new Error('no bootstrap');
  const packed = await collectBounded(await source.readBlob(top), 1 << 26, 'bootstrap');
  const layer = decodeBootstrapLayerTar(gunzipSync(packed));
  const bootstrap = Buffer.from(layer.bootstrap);
  // root_nid of the EROFS superblock.
  bootstrap.writeUInt16LE(0xffff, 1024 + 14);
  const tar = Buffer.concat(encodeBootstrapLayerTar({ ...layer, bootstrap }));
  const writer = await target.openBlobWriter();
  await writer.write(tar);
  const digest = sha256Digest(tar);
  const broken = await writer.commit({ ...top, digest, size: tar.length });
  const layers = [...manifest.layers.slice(0, -1), { ...top, ...broken }];
  const { kind: _, ...document } = manifest;
  await target.writeManifest(
    Buffer.from(JSON.stringify({ ...document, layers })),
    String(document.mediaType),
  );
}

t.test('a bad bootstrap fails its own pull, each time', async (t) => {
  if (!requireMounts(t)) return;
  const { registry, containers, connect, convert, world } = await lazyWorld(t);
  await convert('app:nydus');
  await pushBroken(`${registry.host}/app:nydus`, `${registry.host}/app:broken`);
  const containerd = connect();
  for (let attempt = 0; attempt < 2; attempt++) {
    const pull = containerd.pull(await unpackImageOf(`${registry.host}/app:broken`));
    const error = await pull.catch((reason: unknown) => reason);
    t.ok(isStatus(error, status.FAILED_PRECONDITION));
    t.match(error, { details: /app:broken cannot be loaded lazily/ });
  }
  const { chainId } = await containerd.pull(await unpackImageOf(`${registry.host}/app:nydus`));
  const mounts = await containerd.prepare('c', chainId);
  t.equal(await runMounted(mounts, containers, LOOK), SEEN);
  t.equal((await world.status()).mounts.length, 1);
});

t.test('somebody unmounts the image: the next container gets it back', async (t) => {
  if (!requireMounts(t)) return;
  const { registry, containers, connect, convert, world } = await lazyWorld(t);
  await convert('app:nydus');
  const containerd = connect();
  const { chainId } = await containerd.pull(await unpackImageOf(`${registry.host}/app:nydus`));
  const [mount] = (await world.status()).mounts;
  await runChecked('umount', [mount?.mountpoint ?? '']);
  const mounts = await containerd.prepare('c', chainId);
  t.equal(await runMounted(mounts, containers, LOOK), SEEN);
});

t.test('no registry and no image: the container is refused, not given an empty root', async (t) => {
  if (!requireMounts(t)) return;
  const { registry, connect, convert, world } = await lazyWorld(t);
  await convert('app:nydus');
  const containerd = connect();
  const { chainId } = await containerd.pull(await unpackImageOf(`${registry.host}/app:nydus`));
  const [mount] = (await world.status()).mounts;
  await runChecked('umount', [mount?.mountpoint ?? '']);
  await registry.close();
  const error = await containerd.prepare('c', chainId).catch((reason: unknown) => reason);
  t.ok(isStatus(error, status.UNAVAILABLE));
  t.match(error, { details: /cannot be mounted now/ });
  t.notOk((await containerd.list()).some(({ name }) => name.endsWith('/c')));
});

t.test('a storm: one image pulled by many at once, and many containers', async (t) => {
  if (!requireMounts(t)) return;
  const { registry, requests, layout, containers, connect, convert, world } = await lazyWorld(t);
  await pushLayout(layout, `${registry.host}/app:plain`);
  await convert('app:nydus', { withReferrer: true });
  const image = await unpackImageOf(`${registry.host}/app:plain`);
  const before = requests.length;
  const clients = Array.from({ length: 8 }, () => connect());
  const pulled = await Promise.all(clients.map((containerd) => containerd.pull(image)));
  t.ok(pulled.every(({ fetched }) => !fetched.includes(true)));
  t.equal((await world.status()).mounts.length, 1);
  t.ok(requests.length - before < 40, `${requests.length - before} requests`);
  const asked = requests.length;
  const keys = Array.from({ length: 100 }, (_, number) => number);
  const chainId = pulled[0]?.chainId ?? '';
  const all = await Promise.all(
    keys.map((key) => clients[key % 8]?.prepare(`c${key}`, chainId) ?? Promise.reject()),
  );
  t.equal(requests.length, asked, 'a container asks nobody');
  for (const number of [0, 50, 99]) {
    const mounts = all[number] ?? [];
    t.equal(await runMounted(mounts, containers, 'cat etc/name'), 'top\n');
  }
  await Promise.all(keys.map((key) => clients[key % 8]?.remove(`c${key}`)));
});
