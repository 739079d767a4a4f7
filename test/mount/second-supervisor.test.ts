/**
 * A command comes while a supervisor is about to start its daemon again, and starts another one: one
 * of them serves, and when that is told to end none comes back.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOrStartDaemon } from '@shoal/node';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { processesNaming } from '../support/own-daemon.ts';

/** More by hand: each takes seconds. */
const STARTS = Number(process.env['SHOAL_TEST_STARTS'] ?? 4);

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function supervisors(directory: string): number[] {
  return processesNaming(directory).filter((pid) => /^sh .*supervisor\.sh /.test(commandOf(pid)));
}

function daemons(directory: string): number[] {
  return processesNaming(directory).filter((pid) => /^\S*node .*daemon-main/.test(commandOf(pid)));
}

t.setTimeout(540_000);

t.test(
  'a daemon that was told to end is not succeeded by one of an older supervisor',
  async (t) => {
    if (!requireMounts(t)) return;
    const world = mountWorld(t, { isSupervised: true });
    const source = join(world.directory, 'source');
    writeFiles(source, { one: 200_000 });
    const reference = `oci:${join(world.directory, 'image')}:latest`;
    await convertDirectory(source, reference);
    const mountpoint = world.mountpoint('m');
    await world.mount({ reference, mountpoint });
    const [older] = supervisors(world.directory);
    if (older === undefined) throw new Error('there is no supervisor');
    const { pid: first } = await world.client.ping();
    process.kill(older, 'SIGSTOP');
    t.teardown(() => spawn('kill', ['-CONT', String(older)]));
    process.kill(first, 'SIGKILL');
    await until('the first has gone', async () => {
      return (await world.client.ping().catch(() => undefined)) === undefined;
    });
    const { pid: second } = await (await world.start()).ping();
    t.not(second, first);
    t.equal(await digestBySha256sum(join(mountpoint, 'one')), digestOfFile(join(source, 'one')));
    t.match(await world.client.drain({}), { busy: [], unmounted: [mountpoint] });
    await until('the second has ended', () => !daemons(world.directory).includes(second));
    process.kill(older, 'SIGCONT');
    await until('the older supervisor has ended', () => supervisors(world.directory).length === 0);
    t.same(daemons(world.directory), [], 'and no daemon has come back');
    // It does when it is wanted again, and comes back when it dies.
    const { pid: third } = await (await world.start()).ping();
    process.kill(third, 'SIGKILL');
    await until('it comes back', async () => {
      const found = await world.client.ping().catch(() => undefined);
      return found !== undefined && found.pid !== third;
    });
  },
);

t.test('of two daemons that start at once on one root exactly one serves', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const paths = {
    root: world.daemon.root,
    run: world.daemon.run,
    socket: join(world.daemon.run, 'shoal.sock'),
    log: join(world.daemon.run, 'shoal.log'),
  };
  for (let start = 0; start < STARTS; start += 1) {
    const found = await Promise.all(
      [1, 2].map(() => findOrStartDaemon({ paths, isSupervised: false })),
    );
    t.equal(found.filter(({ isStarted }) => isStarted).length, 1);
    const pids = await Promise.all(found.map(async ({ client }) => (await client.ping()).pid));
    t.equal(new Set(pids).size, 1);
    await until('the other one has gone', () => daemons(world.directory).length === 1);
    await world.client.stop({});
    await until('it has ended', () => daemons(world.directory).length === 0);
  }
  // What the other one says of it, by its status: nobody starts it again.
  const { pid } = await (await world.start()).ping();
  const [node, ...argv] = commandOf(pid).trim().split(' ');
  const another = spawn(node ?? '', argv.slice(0, -2), { stdio: 'ignore' });
  const status = await new Promise((resolve) => another.once('exit', resolve));
  t.equal(status, 4);
});
