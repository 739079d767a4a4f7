/**
 * Lazily loaded images at the snapshotter's socket, with containerd played call for call: which
 * layers are fetched, what a container sees, and what is left after a crash and after a removal.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { convertImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  buildLayout,
  digestOf,
  noise,
  requireMounts,
  temporaryDirectory,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import { openFaultGate } from '../support/fault-gate.ts';
import { type MountWorld, mountWorld, until } from '../support/mounted-image.ts';
import { mountsBelow } from '../support/own-daemon.ts';
import { pushLayout, unpackImageOf } from '../support/pushed-image.ts';
import { isStatus, runMounted, Unpacker } from '../support/unpacker.ts';

t.setTimeout(240_000);

const BIG = noise(3_000_000, 'big');
const LAYERS = [
  writeTar([
    { name: 'bin/', type: 'directory' },
    { name: 'bin/tool', content: noise(2_000_000, 'tool'), mode: 0o4755 },
    { name: 'etc/', type: 'directory' },
    { name: 'etc/base', content: 'base\n' },
    { name: 'etc/gone', content: 'gone\n' },
    { name: 'opaque/', type: 'directory' },
    { name: 'opaque/below', content: 'below\n' },
  ]),
  writeTar([
    { name: 'big', content: BIG },
    { name: 'etc/', type: 'directory' },
    { name: 'etc/.wh.gone', content: '' },
    { name: 'opaque/', type: 'directory' },
    { name: 'opaque/.wh..wh..opq', content: '' },
    { name: 'opaque/above', content: 'above\n' },
  ]),
  writeTar([
    { name: 'etc/', type: 'directory' },
    { name: 'etc/name', content: 'top\n' },
  ]),
];

async function prepared(t: Parameters<typeof mountWorld>[0]) {
  // On a busy machine starting everything takes longer than a pull would wait.
  const configFile = join(temporaryDirectory(t), 'config.toml');
  writeFileSync(configFile, '[snapshotter]\nlookup_timeout_ms = 60000\n');
  const world = mountWorld(t, { configFile });
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const gate = await openFaultGate(t, registry.host);
  const layout = join(world.directory, 'layout');
  buildLayout({ directory: layout, layers: LAYERS.map((tar) => ({ tar })) });
  const containers = join(world.directory, 'rootfs');
  mkdirSync(containers);
  await world.start();
  const connect = () => {
    const unpacker = new Unpacker(join(world.daemon.run, 'snapshotter.sock'));
    t.teardown(() => unpacker.close());
    return unpacker;
  };
  const client = { plainHttp: true };
  const convert = (name: string, how: object = {}) =>
    convertImage({
      source: parseReference(`oci:${layout}:latest`),
      target: parseReference(`${registry.host}/${name}`),
      client,
      ...how,
    });
  return { world, registry, gate, layout, containers, connect, convert };
}

async function killDaemon(world: MountWorld): Promise<void> {
  const { pid } = await world.client.ping();
  process.kill(pid, 'SIGKILL');
  await until('the daemon has gone', () => !existsSync(`/proc/${pid}`));
}

const LOOK = 'cat etc/base etc/name; sha256sum < big | cut -c1-64; stat -c %a bin/tool';
const SEEN = `base\ntop\n${digestOf(BIG).slice('sha256:'.length)}\n4755\n`;

t.test('a converted image: nothing is fetched but what is read', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, containers, connect, convert } = await prepared(t);
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

for (const way of ['index', 'referrer'] as const) {
  t.test(`an original name, converted image found by ${way}`, async (t) => {
    if (!requireMounts(t)) return;
    const { world, gate, layout, containers, connect, convert, registry } = await prepared(t);
    await pushLayout(layout, `${registry.host}/app:plain`);
    if (way === 'index') await convert('app:latest', { mergePlatform: true });
    else await convert('app:nydus', { withReferrer: true });
    const tag = way === 'index' ? 'latest' : 'plain';
    const imageRef = `${gate.host}/app:${tag}`;
    const image = await unpackImageOf(`${gate.host}/app:plain`, imageRef);
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
  const { world, gate, layout, containers, connect, registry } = await prepared(t);
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
    const { registry, gate, containers, connect, convert } = await prepared(t);
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
  const { world, gate, layout, containers, connect, convert, registry } = await prepared(t);
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
  const { registry, connect, convert } = await prepared(t);
  await convert('app:nydus');
  const image = await unpackImageOf(`${registry.host}/app:nydus`);
  const containerd = connect();
  const pull = containerd.pull({ ...image, hasLabels: false });
  const error = await pull.catch((reason: unknown) => reason);
  t.ok(isStatus(error, status.FAILED_PRECONDITION));
  t.match(error, { details: /does not say which registry.*snapshot annotations/ });
});

t.test('killed and started again without a network: containers go on', async (t) => {
  if (!requireMounts(t)) return;
  const { world, registry, containers, connect, convert } = await prepared(t);
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
