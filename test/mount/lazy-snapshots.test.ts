/**
 * Lazily loaded images at the snapshotter's socket, with containerd played call for call: which
 * layers are fetched, what a container sees, and what is left after a crash and after a removal.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { parseReference } from '@shoal/oci';
import {
  buildLayout,
  digestOf,
  requireMounts,
  requireTool,
  until,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { killDaemon } from '../support/image-world.ts';
import { BIG, LAYERS, LOOK, lazyWorld, SEEN } from '../support/lazy-world.ts';
import { mountsBelow } from '../support/own-daemon.ts';
import { pushLayout, unpackImageOf } from '../support/pushed-image.ts';
import { isStatus, runMounted } from '../support/unpacker.ts';

t.setTimeout(540_000);

t.test('a converted image: nothing is fetched but what is read', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, containers, connect, convert } = await lazyWorld(t);
  await convert('app:nydus', { chunkSizeBytes: 0x10000 });
  const containerd = connect();
  const image = await unpackImageOf(`${gate.host}/app:nydus`);
  const { chainId, fetched } = await containerd.pull(image);
  t.same(fetched, [false, false, false, false]);

  const first = await containerd.prepare('first', chainId);
  t.equal(await runMounted(first, containers, 'cat etc/name'), 'top\n');
  const [mount] = (await world.status()).mounts;
  t.ok((mount?.bytesPresent ?? 0) < 100_000, 'one chunk');
  t.equal((await containerd.usage(chainId)).size, mount?.bytesPresent);
  t.equal(await runMounted(first, containers, LOOK), SEEN);
  await runMounted(first, containers, 'echo mine > etc/name; rm big');
  t.equal(await runMounted(first, containers, 'cat etc/name; ls'), 'mine\nbin\netc\nopaque\n');

  const second = await containerd.prepare('second', chainId);
  t.equal(await runMounted(second, containers, LOOK), SEEN);
  const view = await containerd.view('view', chainId);
  t.equal(await runMounted(view, containers, LOOK), SEEN);
  await t.rejects(runMounted(view, containers, 'echo x > etc/name'));
  t.equal((await world.status()).mounts.length, 1, 'one mount for all of them');

  for (const key of ['first', 'second', 'view']) await containerd.remove(key);
  for (const name of containerd.names().toReversed()) await containerd.remove(name);
  t.same((await world.status()).mounts, []);
  t.same(await containerd.list(), []);
  t.same(mountsBelow(join(world.daemon.root, 'lazy')), []);
  t.same(readdirSync(join(world.daemon.root, 'lazy')), []);
});

for (const [way, kind] of [
  ['index', 'embedded'],
  ['referrer', 'embedded'],
  ['referrer', 'docker-registry'],
] as const) {
  t.test(`an original name, converted image found by ${way}, ${kind}`, async (t) => {
    if (!requireMounts(t)) return;
    if (kind === 'docker-registry' && !requireTool(t, 'docker-registry')) return;
    const { world, gate, layout, containers, connect, convert, registry } = await lazyWorld(t);
    const isDocker = kind === 'docker-registry';
    const directory = join(world.directory, 'registry');
    const { host } = isDocker ? await startDockerRegistry(t, directory) : registry;
    await pushLayout(layout, `${host}/app:plain`);
    const name = way === 'index' ? 'app:latest' : 'app:nydus';
    const how = way === 'index' ? { mergePlatform: true } : { withReferrer: true };
    await convert(name, { ...how, target: parseReference(`${host}/${name}`) });
    const tag = way === 'index' ? 'latest' : 'plain';
    const at = isDocker ? host : gate.host;
    const image = await unpackImageOf(`${at}/app:plain`, `${at}/app:${tag}`);
    const containerd = connect();
    const { chainId, fetched } = await containerd.pull(image);
    t.same(fetched, [false, false, false]);
    const mounts = await containerd.prepare('c', chainId);
    t.equal(await runMounted(mounts, containers, LOOK), SEEN);
    t.equal((await world.status()).mounts.length, 1);
  });
}

t.test('an ordinary image beside a lazily loaded one', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, layout, containers, connect, registry } = await lazyWorld(t);
  await pushLayout(layout, `${registry.host}/app:plain`);
  const containerd = connect();
  const { chainId, fetched } = await containerd.pull(await unpackImageOf(`${gate.host}/app:plain`));
  t.same(fetched, [true, true, true]);
  t.equal(await runMounted(await containerd.prepare('c', chainId), containers, LOOK), SEEN);
  t.same((await world.status()).mounts, []);
});

t.test(
  'the registry fails while the image is pulled: containerd brings the bootstrap',
  async (t) => {
    if (!requireMounts(t)) return;
    const { registry, gate, containers, connect, convert } = await lazyWorld(t);
    await convert('app:nydus');
    const image = await unpackImageOf(`${registry.host}/app:nydus`, `${gate.host}/app:nydus`);
    gate.mode = 'error';
    const containerd = connect();
    const { chainId, fetched } = await containerd.pull(image);
    t.same(fetched, [false, false, false, true], 'the data was skipped, the metadata was not');
    gate.mode = 'pass';
    const mounts = await containerd.prepare('c', chainId);
    t.equal(await runMounted(mounts, containers, LOOK), SEEN);
  },
);

t.test('another image shares layers that were not fetched: they are fetched then', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, layout, containers, connect, convert, registry } = await lazyWorld(t);
  await pushLayout(layout, `${registry.host}/app:plain`);
  await convert('app:nydus', { withReferrer: true });
  const other = join(world.directory, 'other');
  const tars = [...LAYERS.slice(0, 2), writeTar([{ name: 'own', content: 'own\n' }])];
  buildLayout({ directory: other, layers: tars.map((tar) => ({ tar })) });
  await pushLayout(other, `${registry.host}/other:plain`);
  const containerd = connect();
  await containerd.pull(await unpackImageOf(`${gate.host}/app:plain`));
  const image = await unpackImageOf(`${gate.host}/other:plain`);
  const { chainId, fetched } = await containerd.pull(image);
  t.same(fetched, [false, false, true], 'containerd believes that the shared ones are there');
  const shared = image.layers[0]?.diffId ?? '';
  t.ok((await containerd.usage(shared)).size > 2_000_000, 'it takes its place now');
  const mounts = await containerd.prepare('c', chainId);
  const look = 'cat own etc/base; ls etc opaque; sha256sum < big | cut -c1-64; stat -c %a bin/tool';
  const digest = digestOf(BIG).slice('sha256:'.length);
  t.equal(
    await runMounted(mounts, containers, look),
    `own\nbase\netc:\nbase\n\nopaque:\nabove\n${digest}\n4755\n`,
  );
});

t.test('a client without annotations gets a clear error', async (t) => {
  if (!requireMounts(t)) return;
  const { registry, connect, convert } = await lazyWorld(t);
  await convert('app:nydus');
  const image = await unpackImageOf(`${registry.host}/app:nydus`);
  const containerd = connect();
  const pull = containerd.pull({ ...image, hasLabels: false });
  const error = await pull.catch((reason: unknown) => reason);
  t.ok(isStatus(error, status.FAILED_PRECONDITION));
  t.match(error, { details: /does not say which registry.*snapshot annotations/ });
});

t.test("an image that claims another's layers is not taken for it", async (t) => {
  if (!requireMounts(t)) return;
  const { registry, layout, containers, connect, convert } = await lazyWorld(t);
  await convert('evil:nydus');
  await pushLayout(layout, `${registry.host}/app:plain`);
  const victim = await unpackImageOf(`${registry.host}/app:plain`);
  const evil = await unpackImageOf(`${registry.host}/evil:nydus`);
  const apply = () => Promise.reject(new Error('wrong diff id calculated on extraction'));
  const diffIds = victim.layers.map(({ diffId }) => diffId);
  // Its data layers under the victim's diff ids; its bootstrap alone under the lowest one's.
  for (const layers of [evil.layers, evil.layers.slice(-1)]) {
    const forged = layers.map((layer, n) => ({ ...layer, diffId: diffIds[n] ?? '', apply }));
    const pull = connect().pull({ ...evil, layers: forged });
    await t.rejects(pull, { message: /wrong diff id/ }, 'containerd compares it');
  }
  const containerd = connect();
  const { chainId, fetched } = await containerd.pull(victim);
  t.same(fetched, [true, true, true]);
  t.equal(await runMounted(await containerd.prepare('c', chainId), containers, LOOK), SEEN);
});

t.test('killed and started again without a network: containers go on', async (t) => {
  if (!requireMounts(t)) return;
  const { world, registry, containers, connect, convert } = await lazyWorld(t);
  await convert('app:nydus');
  const image = await unpackImageOf(`${registry.host}/app:nydus`);
  const containerd = connect();
  const { chainId } = await containerd.pull(image);
  const before = await containerd.prepare('c', chainId);
  t.equal(await runMounted(before, containers, LOOK), SEEN);
  const listed = await containerd.list();
  await killDaemon(world);
  await registry.close();
  await world.start();
  await until('the socket answers', async () => {
    try {
      return (await containerd.mounts('c')).length > 0;
    } catch (error) {
      if (isStatus(error, status.UNAVAILABLE)) return false;
      throw error;
    }
  });
  t.same(await containerd.mounts('c'), before);
  t.same(await containerd.list(), listed);
  t.equal(await runMounted(before, containers, LOOK), SEEN);
  const another = await containerd.prepare('d', chainId);
  t.equal(await runMounted(another, containers, LOOK), SEEN);
});
