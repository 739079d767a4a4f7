/**
 * The disk below everything a daemon keeps (state, bootstraps, cache) is full: what is mounted is
 * read on, a new mount is refused in words and leaves nothing, and works when there is room again.
 */
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, requireTool, runChecked, runCommand, until } from '@shoal/test-kit';
import t from 'tap';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';

/** Until not a byte more goes in. */
function fill(path: string): void {
  const fd = openSync(path, 'w');
  try {
    for (const length of [1 << 16, 1 << 12, 1]) writeAll(fd, Buffer.alloc(length, 1));
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  try {
    for (;;) writeSync(fd, bytes);
  } catch {
    // It is full for pieces of this length.
  }
}

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
  const image = join(world.directory, 'disk.ext4');
  mkdirSync(root, { mode: 0o700 });
  await runChecked('truncate', ['-s', '24M', image]);
  await runChecked('mkfs.ext4', ['-q', '-O', '^has_journal', '-m', '0', image]);
  await runChecked('mount', ['-o', 'loop', image, root]);
  const [a, b] = [world.mountpoint('a'), world.mountpoint('b')];
  await world.mount({ reference: `${registry.host}/image:0`, mountpoint: a });
  fill(join(root, 'ballast'));
  const other = { reference: `${registry.host}/image:1`, mountpoint: b };
  await t.rejects(world.mount(other), { message: /full|space/ });
  t.match(await world.status(), { mounts: { length: 1 }, problems: [] });
  for (const name of ['file-3', 'file-30']) {
    t.equal(await digestBySha256sum(join(a, name)), digestOfFile(join(sourceA, name)), name);
  }
  rmSync(join(root, 'ballast'));
  await world.mount(other);
  t.equal(await digestBySha256sum(join(b, 'file-7')), digestOfFile(join(sourceB, 'file-7')));
  t.match(await world.client.drain({}), { busy: [], unmounted: { length: 2 } });
  await until('the disk can be unmounted', async () => {
    return (await runCommand('umount', [root])).exitCode === 0;
  });
});
