/** The cache cannot be used when a daemon starts: it does not start, and readers wait for one that does. */
import { once } from 'node:events';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { listHolders } from '@shoal/linux';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { imageWorld, killDaemon } from '../support/image-world.ts';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { tryShoal } from '../support/shoal-command.ts';

t.setTimeout(300_000);

t.test('a start that can serve nothing ends nothing', async (t) => {
  if (!requireMounts(t)) return;
  const { world, source, reference } = await imageWorld(t, { file: 700_000 });
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  const { run } = world.daemon;
  await until('the socket is held', () => listHolders(join(run, 'socket')).length > 0);
  await killDaemon(world);
  const waiting = digestBySha256sum(join(mountpoint, 'file'));
  const cache = join(world.daemon.root, 'cache');
  renameSync(cache, `${cache}.away`);
  writeFileSync(cache, 'no directory');
  const { exitCode, stderr } = await tryShoal(['node'], { env: world.daemon.env });
  t.equal(exitCode, 1);
  t.match(stderr, /none of the mounts that wait for a daemon can be served: .*\/cache/);
  t.ok(stderr.includes(`umount -l ${mountpoint}`), 'the remedy names the mount');
  const containerd = connect(join(run, 'snapshotter.sock'));
  t.teardown(() => containerd.destroy());
  await once(containerd, 'connect');
  t.pass('containerd waits at its socket for the next start');
  rmSync(cache);
  renameSync(`${cache}.away`, cache);
  await world.start();
  t.equal(await waiting, digestOfFile(join(source, 'file')));
  t.match(await world.status(), { problems: [], mounts: [{ mountpoint }] });
});
