/** Many blobs in one image, many mounts in one daemon, images that are not ours. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  buildLayout,
  compareTrees,
  noise,
  plainLayers,
  requireMounts,
  temporaryDirectory,
  until,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

/** What the format has room for; mount(2) would cut the list of devices after 39. */
const BLOBS = 254;
const MOUNTS = 40;

function layersOf(count: number) {
  return Array.from({ length: count }, (_, at) => ({
    tar: writeTar([{ name: `file-${at}`, content: noise(5000, `layer ${at}`) }]),
  }));
}

t.test('an image of as many blobs as there can be', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const layers = layersOf(BLOBS);
  const source = buildLayout({ directory: join(world.directory, 'source'), layers });
  const target = `oci:${join(world.directory, 'target')}:latest`;
  await runShoal(['convert', '--source', `oci:${source}:latest`, '--target', target]);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference: target, mountpoint });
  const [mount] = (await world.status()).mounts;
  t.equal(mount?.blobs.length, BLOBS);
  for (const at of [0, 1, 127, 252, 253]) {
    const expected = createHash('sha256')
      .update(noise(5000, `layer ${at}`))
      .digest('hex');
    t.equal(await digestBySha256sum(join(mountpoint, `file-${at}`)), expected);
  }
  const touched = (await world.status()).mounts[0]?.blobs.filter(({ requests }) => requests > 0);
  t.equal(touched?.length, 5, 'only blobs that were read were fetched from');
});

t.test('one blob more is refused with the number', async (t) => {
  const directory = temporaryDirectory(t);
  const layers = layersOf(BLOBS + 1);
  const source = buildLayout({ directory: join(directory, 'source'), layers });
  const target = `oci:${join(directory, 'target')}:latest`;
  const args = ['convert', '--source', `oci:${source}:latest`, '--target', target];
  const { exitCode, stderr } = await tryShoal(args);
  t.equal(exitCode, 1);
  t.match(stderr, /the image needs more than 254 blobs\. Rebuild it with fewer layers/);
});

t.test('many mounts share one daemon, one cache, one fetch', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  let blobBytes = 0;
  const registry = await EmbeddedRegistry.listen({
    accessLog: ({ method, path, bytesOut }) => {
      if (method === 'GET' && path.includes('/blobs/')) blobBytes += bytesOut;
    },
  });
  t.teardown(() => registry.close());
  const source = join(world.directory, 'source');
  writeFiles(source, { one: 1 << 20, two: 100_000 });
  const reference = `${registry.host}/image:latest`;
  await convertDirectory(source, reference);
  const mountpoints = Array.from({ length: MOUNTS }, (_, at) => world.mountpoint(`m${at}`));
  await world.start();
  const startedAt = performance.now();
  await Promise.all(mountpoints.map((mountpoint) => world.mount({ reference, mountpoint })));
  const perMinute = (MOUNTS / (performance.now() - startedAt)) * 60_000;
  t.comment(`${perMinute.toFixed(0)} mounts a minute`);
  const before = blobBytes;
  const expected = digestOfFile(join(source, 'one'));
  const digests = await Promise.all(
    mountpoints.map((mountpoint) => digestBySha256sum(join(mountpoint, 'one'))),
  );
  t.ok(digests.every((digest) => digest === expected));
  t.ok(blobBytes - before <= 2 << 20, `${blobBytes - before} bytes for ${MOUNTS} readers`);
  const { mounts } = await world.status();
  t.equal(mounts.length, MOUNTS);
  await Promise.all(mountpoints.map((mountpoint) => world.client.unmount({ mountpoint })));
  t.same((await world.status()).mounts, []);
});

t.test('two commands at once start one daemon', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const source = join(world.directory, 'source');
  writeFiles(source, { one: 10_000 });
  const target = `oci:${join(world.directory, 'target')}:latest`;
  await convertDirectory(source, target);
  const { env } = world.daemon;
  const mountpoints = ['a', 'b', 'c'].map((name) => world.mountpoint(name));
  await Promise.all(mountpoints.map((path) => runShoal(['mount', target, path], { env })));
  for (const path of mountpoints) t.same(await compareTrees(source, path), []);
  t.equal((await world.status()).mounts.length, 3);
});

t.test('an image that is not converted is refused with the remedy', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const layers = plainLayers().map((tar) => ({ tar }));
  const layout = buildLayout({ directory: join(world.directory, 'ordinary'), layers });
  const args = ['mount', `oci:${layout}:latest`, world.mountpoint('m')];
  const { exitCode, stderr } = await tryShoal(args, { env: world.daemon.env });
  t.equal(exitCode, 1);
  t.match(stderr, /is not a converted image.*Convert it first: shoal convert --source oci:/);
  await until('the daemon that was started for it has left', () =>
    world.client.ping().then(
      () => false,
      (error: unknown) => errorCode(error) === 'ERR_NODE_NOT_RUNNING',
    ),
  );
});
