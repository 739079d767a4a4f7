/**
 * The disk below everything a daemon keeps (state, bootstraps, cache) is full: what is mounted is
 * read on, a new mount is refused in words and leaves nothing, and works when there is room again.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, requireTool, runCommand, until } from '@shoal/test-kit';
import t from 'tap';
import { mountSmallDisk } from '../support/full-disk.ts';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';

t.test('a full disk below everything refuses new mounts and fails no reader', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'mkfs.ext4')) return;
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const sources = ['a', 'b'].map((name) => join(world.directory, name));
  for (const [at, source] of sources.entries()) {
    const files = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`file-${n}`, 20_000] as const),
    );
    writeFiles(source, files, `seed ${at}`);
    await convertDirectory(source, `${registry.host}/image:${at}`, 0x10000);
  }
  const [sourceA = '', sourceB = ''] = sources;
  const { root } = world.daemon;
  const disk = await mountSmallDisk(t, join(world.directory, 'disk.ext4'), root, '24M');
  const [a, b] = [world.mountpoint('a'), world.mountpoint('b')];
  await world.mount({ reference: `${registry.host}/image:0`, mountpoint: a });
  disk.fill();
  const other = { reference: `${registry.host}/image:1`, mountpoint: b };
  await t.rejects(world.mount(other), { message: /full|space/ });
  t.match(await world.status(), { mounts: { length: 1 }, problems: [] });
  for (const name of ['file-3', 'file-30']) {
    t.equal(await digestBySha256sum(join(a, name)), digestOfFile(join(sourceA, name)), name);
  }
  rmSync(disk.ballast);
  await world.mount(other);
  t.equal(await digestBySha256sum(join(b, 'file-7')), digestOfFile(join(sourceB, 'file-7')));
  t.match(await world.client.drain({}), { busy: [], unmounted: { length: 2 } });
  await until('the disk can be unmounted', async () => {
    return (await runCommand('umount', [root])).exitCode === 0;
  });
});
