/** The control socket is gone and the daemon lives: it makes a new one; commands say what is wrong. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { mountWorld } from '../support/mounted-image.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

t.test('a daemon whose socket was removed is found again', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  await world.start();
  const { pid } = await world.client.ping();
  rmSync(join(world.daemon.run, 'shoal.sock'));
  const { env } = world.daemon;
  const drained = await runShoal(['drain'], { env });
  t.match(drained.stdout, /the daemon has ended/);
  await until('that daemon has gone', () => !existsSync(`/proc/${pid}`));
  t.match((await runShoal(['drain'], { env })).stdout, /no daemon ran, and nothing was mounted/);
});

t.test('one that cannot make a new one is named, with what to do', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  await world.start();
  const { pid } = await world.client.ping();
  t.teardown(() => {
    if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGCONT');
  });
  process.kill(pid, 'SIGSTOP');
  rmSync(join(world.daemon.run, 'shoal.sock'));
  const { env } = world.daemon;
  const words = new RegExp(`process ${pid} uses .* does not answer at .*'kill -9 ${pid}'`);
  const status = await tryShoal(['status'], { env });
  t.equal(status.exitCode, 1);
  t.match(status.stderr, words);
  const mountpoint = world.mountpoint('m');
  const mount = await tryShoal(['mount', 'localhost:1/nothing:1', mountpoint], { env });
  t.equal(mount.exitCode, 1);
  t.match(mount.stderr, /^shoal mount: process \d+ uses .*; waiting$/m);
  t.match(mount.stderr, words);
  process.kill(pid, 'SIGCONT');
  t.match((await runShoal(['drain'], { env })).stdout, /the daemon has ended/);
});
