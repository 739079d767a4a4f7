/** The way to a daemon's root leads over a symbolic link, to a larger disk say: its images survive it as any other's. */
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { daemonPaths, readStatus } from '@shoal/node';
import { requireMounts, runCommand, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { killDaemon } from '../support/image-world.ts';
import { LOOK, lazyWorld, SEEN } from '../support/lazy-world.ts';
import { mountsBelow } from '../support/own-daemon.ts';
import { unpackImageOf } from '../support/pushed-image.ts';
import { runMounted } from '../support/unpacker.ts';

t.setTimeout(300_000);

t.test('images below a linked directory are found again', async (t) => {
  if (!requireMounts(t)) return;
  const above = temporaryDirectory(t);
  mkdirSync(join(above, 'disk'));
  symlinkSync('disk', join(above, 'link'));
  const before = process.env['SHOAL_TEST_TMPDIR'];
  process.env['SHOAL_TEST_TMPDIR'] = join(above, 'link');
  const { world, registry, containers, connect, convert } = await lazyWorld(t);
  if (before === undefined) delete process.env['SHOAL_TEST_TMPDIR'];
  else process.env['SHOAL_TEST_TMPDIR'] = before;
  // The kernel names them by their real paths, by which the world does not find them.
  t.teardown(async () => {
    for (const mountpoint of mountsBelow(realpathSync(above))) {
      await runCommand('umount', ['-l', mountpoint]);
    }
  });
  await convert('app:nydus', { chunkSizeBytes: 0x10000 });
  t.ok(world.daemon.root.startsWith(join(above, 'link')));
  const containerd = connect();
  const { chainId } = await containerd.pull(await unpackImageOf(`${registry.host}/app:nydus`));
  const mounts = await containerd.prepare('c', chainId);
  t.equal(await runMounted(mounts, containers, 'cat etc/name'), 'top\n');
  await killDaemon(world);
  const paths = daemonPaths({ root: world.daemon.root, run: world.daemon.run });
  await t.rejects(readStatus(paths), { code: 'ERR_NODE_MOUNTS_WAIT' });
  await world.start();
  t.equal((await world.client.ping()).root, world.daemon.root, 'as it is called');
  t.match(await world.status(), { mounts: { length: 1 }, problems: [] });
  t.equal(await runMounted(mounts, containers, LOOK), SEEN);
});
