/**
 * The snapshotter's socket outlives its daemon: whoever connects between two daemons waits for the next
 * one, and a socket that nobody can serve any more is made anew.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '@shoal/errors';
import { fileLockHolder, listHolders } from '@shoal/linux';
import { requireMounts, type TestScope, until } from '@shoal/test-kit';
import t from 'tap';
import { replaceDaemon } from '../../packages/node/src/process/start-daemon.ts';
import { type MountWorld, mountWorld } from '../support/mounted-image.ts';
import { startServiceManager } from '../support/service-manager.ts';
import { runShoal } from '../support/shoal-command.ts';
import { Unpacker } from '../support/unpacker.ts';

/** Those that nobody has accepted yet stay in the backlog of 511. */
const CONNECT_EVERY_MS = 25;

const addressOf = (world: MountWorld) => join(world.daemon.run, 'snapshotter.sock');
const holdersOf = (world: MountWorld) => listHolders(join(world.daemon.run, 'socket'));

/** The process that holds the socket, when what has launched it has gone. */
async function untilHeld(world: MountWorld): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  await until('the socket is held', () => {
    const [pid = 0, ...others] = holdersOf(world);
    const isHeld = others.length === 0 && nameOf(pid) === 'sleep';
    if (isHeld) resolve(pid);
    return isHeld;
  });
  return promise;
}

function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return undefined; // It has ended.
  }
}

/** A container's root made by a client that has never connected before; refused, it fails at once. */
async function prepareAnew(world: MountWorld, key: string): Promise<void> {
  const containerd = new Unpacker(addressOf(world));
  try {
    await containerd.prepare(key, '');
  } finally {
    containerd.close();
  }
}

/** Connects again and again until stopped; what connections said that failed, but for a full backlog. */
function connecting(t: TestScope, path: string): { stop(): Promise<readonly string[]> } {
  const failures: string[] = [];
  let isOver = false;
  const trying = (async () => {
    while (!isOver) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const socket = connect(path, resolve);
      socket.once('error', (error) => {
        const code = errorCode(error) ?? String(error);
        if (code !== 'EAGAIN') failures.push(code);
        resolve();
      });
      await promise;
      socket.destroy();
      await sleep(CONNECT_EVERY_MS);
    }
  })();
  const stop = async () => {
    isOver = true;
    await trying;
    return failures;
  };
  t.teardown(stop);
  return { stop };
}

async function killDaemon(world: MountWorld): Promise<void> {
  process.kill((await world.client.ping()).pid, 'SIGKILL');
}

t.test('who connects right after the daemon was killed is answered by the next one', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t, { isSupervised: true });
  await world.start();
  const first = await untilHeld(world);
  const clients = connecting(t, addressOf(world));
  for (const round of [1, 2]) {
    await killDaemon(world);
    await prepareAnew(world, `container ${round}`);
  }
  t.same(await clients.stop(), [], 'nobody was refused');
  t.same(holdersOf(world), [first], 'the first holder has it still');
  await runShoal(['drain', '--keep-mounts'], { env: world.daemon.env });
  await until('the socket is gone', () => !existsSync(addressOf(world)));
  await until('so is its holder', () => holdersOf(world).length === 0);
});

t.test('the socket goes before the state is free for another daemon', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  await world.start();
  await untilHeld(world);
  const lock = join(world.daemon.root, 'state', 'LOCK');
  const { pid } = await world.client.ping();
  t.equal(fileLockHolder(lock), pid);
  process.kill(pid, 'SIGTERM');
  while (fileLockHolder(lock) !== undefined) await sleep(0);
  t.notOk(existsSync(addressOf(world)));
  t.same(holdersOf(world), []);
});

t.test('another version takes the socket over', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  await world.start();
  await untilHeld(world);
  const clients = connecting(t, addressOf(world));
  const { root, run } = world.daemon;
  const before = (await world.client.ping()).pid;
  const paths = { root, run, socket: join(run, 'shoal.sock'), log: join(run, 'shoal.log') };
  const replaced = replaceDaemon({ paths });
  await prepareAnew(world, 'while it is replaced');
  await replaced;
  t.not((await world.client.ping()).pid, before);
  await prepareAnew(world, 'afterwards');
  t.same(await clients.stop(), [], 'nobody was refused');
});

t.test('a socket whose file or holder has gone is made anew', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  await world.start();
  const first = await untilHeld(world);
  await killDaemon(world);
  rmSync(addressOf(world));
  await world.start();
  await t.resolves(prepareAnew(world, 'without the file'));
  await until('the first holder has gone', () => !holdersOf(world).includes(first));
  process.kill(await untilHeld(world), 'SIGKILL');
  await killDaemon(world);
  await world.start();
  await t.resolves(prepareAnew(world, 'without the holder'));
  await untilHeld(world);
});

t.test('under a service manager the socket is in its store', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const { root, run } = world.daemon;
  const notify = join(world.directory, 'notify');
  const manager = startServiceManager(t, notify, { isRestarting: true });
  await manager.start(['snapshotter', '--root', root, '--run', run]);
  await until('the socket is in the store', () => manager.names().includes('shoal-listener'));
  t.same(holdersOf(world), [], 'no process is needed for it');
  const clients = connecting(t, addressOf(world));
  await killDaemon(world);
  await prepareAnew(world, 'after a kill');
  process.kill((await world.client.ping()).pid, 'SIGTERM');
  await prepareAnew(world, 'after a restart');
  t.same(await clients.stop(), [], 'nobody was refused');
});

t.test('a socket that only the store of another service has is made anew', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const { root, run } = world.daemon;
  const manager = startServiceManager(t, join(world.directory, 'notify'));
  await manager.start(['node', '--root', root, '--run', run]);
  await until('the socket is in the store', () => manager.names().includes('shoal-listener'));
  await killDaemon(world);
  await world.start();
  await t.resolves(prepareAnew(world, 'by a daemon that a command started'));
  await untilHeld(world);
});
