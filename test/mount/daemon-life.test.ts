/**
 * How a daemon comes back and how it leaves: by itself after a crash, from the service manager's
 * store when its holder died with it, in order by `shoal drain`.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listHolders } from '@shoal/linux';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, requireTool, runChecked, until } from '@shoal/test-kit';
import t from 'tap';
import { openFaultGate } from '../support/fault-gate.ts';
import { imageWorld } from '../support/image-world.ts';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { isAlive, processesNaming } from '../support/own-daemon.ts';
import { startServiceManager } from '../support/service-manager.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';
import { root } from '../support/source-files.ts';

const FILES = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`file-${at}`, 700_000]));

t.test('killed under a reader, nobody does anything: the reader has its bytes', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference } = await imageWorld(t, FILES, { isSupervised: true });
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  // Backwards: nothing of the second is read ahead with the first.
  for (const name of ['file-9', 'file-2']) {
    gate.mode = 'down';
    const digest = digestBySha256sum(join(mountpoint, name));
    await until('the reader waits', async () => {
      const [blob] = (await world.status().catch(() => undefined))?.mounts[0]?.blobs ?? [];
      return (blob?.waiting ?? 0) > 0;
    });
    const { pid } = await world.client.ping();
    process.kill(pid, 'SIGKILL');
    gate.mode = 'pass';
    t.equal(await digest, digestOfFile(join(source, name)));
    const next = await world.client.ping();
    t.not(next.pid, pid);
  }
  const { env, run } = world.daemon;
  const log = readFileSync(join(run, 'shoal.log'), 'utf8').trim().split('\n');
  const messages: string[] = log.map((line) => JSON.parse(line).message);
  t.ok(messages.some((text) => /ended with status 137; the next one starts in 0 s/.test(text)));
  const stopped = await runShoal(['drain', '--keep-mounts'], { env });
  t.match(stopped.stdout, /the daemon has ended; 1 mount waits for the next one/);
  await until('the supervisor has ended, too', () =>
    processesNaming(run).every((pid) => listHolders(join(run, 'blobfs')).includes(pid)),
  );
  const status = await tryShoal(['status'], { env });
  t.equal(status.exitCode, 1);
  t.match(status.stderr, new RegExp(`no daemon answers .* mounts wait for one.*${mountpoint}`));
  t.match((await runShoal(['drain'], { env })).stdout, new RegExp(`${mountpoint} is unmounted`));
  await until('nothing is left', () => processesNaming(run).length === 0);
});

t.test('a daemon that cannot start is not started again and again', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t, { isSupervised: true });
  writeFileSync(world.daemon.root, 'a file where the root should be');
  await t.rejects(world.start());
  await until('no supervisor is left', () => processesNaming(world.daemon.run).length === 0);
});

t.test('daemon and holder dead together: the service manager has the session', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference } = await imageWorld(t, FILES);
  const mountpoint = world.mountpoint('m');
  const { root: stateRoot, run } = world.daemon;
  const manager = startServiceManager(t, join(world.directory, 'notify'));
  await manager.start(['node', '--root', stateRoot, '--run', run]);
  await world.client.mount({ reference, mountpoint, source: { plainHttp: true } }, {});
  await until('the session is in the store', () => manager.names().length === 3);
  const kept = [/^shoal-fuse-[0-9a-f]{16}$/, 'shoal-listener', /^shoal-mount-[0-9a-f]{16}$/];
  t.match(manager.names(), kept);
  for (let round = 0; round < 2; round += 1) {
    gate.mode = 'down';
    const names = Object.keys(FILES).slice(round * 6, round * 6 + 6);
    const digests = Promise.all(names.map((name) => digestBySha256sum(join(mountpoint, name))));
    await until('readers wait', async () => {
      const [blob] = (await world.status()).mounts[0]?.blobs ?? [];
      return (blob?.waiting ?? 0) > 0;
    });
    const { pid } = await world.client.ping();
    const holders = listHolders(join(run, 'blobfs'));
    t.equal(holders.length, 1);
    for (const each of [pid, ...holders]) process.kill(each, 'SIGKILL');
    await until('both have gone', () => ![pid, ...holders].some(isAlive));
    gate.mode = 'pass';
    await manager.start(['node', '--root', stateRoot, '--run', run]);
    const expected = names.map((name) => digestOfFile(join(source, name)));
    t.same(await digests, expected, 'no reader has seen an error');
    await until('there is a holder again', () => listHolders(join(run, 'blobfs')).length === 1);
  }
  await runShoal(['drain'], { env: world.daemon.env });
  await until('the store is empty', () => manager.names().length === 0);
  t.match(manager.states(), ['READY=1', 'STOPPING=1']);
});

t.test('drain: what is busy keeps the daemon, and is named', async (t) => {
  if (!requireMounts(t)) return;
  const { world, reference } = await imageWorld(t, FILES, { isSupervised: true });
  const { env, run } = world.daemon;
  const [busy, idle] = [world.mountpoint('busy'), world.mountpoint('idle')];
  await world.mount({ reference, mountpoint: busy });
  await world.mount({ reference, mountpoint: idle });
  const sleeper = spawn('sleep', ['1000'], { cwd: busy, stdio: 'ignore' });
  t.teardown(() => sleeper.kill('SIGKILL'));
  const partly = await tryShoal(['drain'], { env });
  t.equal(partly.exitCode, 3);
  t.match(partly.stdout, new RegExp(`${idle} is unmounted`));
  t.match(partly.stderr, new RegExp(`${busy} is busy: pid ${sleeper.pid}`));
  t.match((await world.status()).mounts, [{ mountpoint: busy }]);
  await world.mount({ reference, mountpoint: idle });
  const lazy = await runShoal(['drain', '--lazy'], { env });
  t.match(lazy.stdout, new RegExp(`${busy} is unmounted`));
  const ended = new Promise((resolve) => sleeper.once('exit', resolve));
  sleeper.kill('SIGKILL');
  await ended;
  await until('daemon, supervisor and holder have gone', () => processesNaming(run).length === 0);
  const again = await runShoal(['drain'], { env });
  t.match(again.stdout, /no daemon ran, and nothing was mounted/);
});

t.test('a mount that fails leaves no daemon behind; one that ran stays', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'mount')) return;
  const { world, reference } = await imageWorld(t, FILES);
  const { run } = world.daemon;
  const memory = join(world.directory, 'memory');
  await runChecked('mkdir', [memory]);
  await runChecked('mount', ['-t', 'tmpfs', '-o', 'mode=0700', 'none', memory]);
  t.teardown(() => runChecked('umount', ['-l', memory]));
  const env = { ...world.daemon.env, SHOAL_ROOT: memory };
  const mountpoint = world.mountpoint('m');
  const failed = await tryShoal(['mount', '--plain-http', reference, mountpoint], { env });
  t.equal(failed.exitCode, 1);
  t.match(failed.stderr, /ext4, xfs or btrfs/);
  await until('nothing is left', () => processesNaming(run).length === 0);
});

t.test('--config beside a daemon that runs: the same settings, or exit status 2', async (t) => {
  if (!requireMounts(t)) return;
  const configFile = (name: string, text: string) => {
    const path = join(world.directory, name);
    writeFileSync(path, text);
    return path;
  };
  const { world, reference } = await imageWorld(t, FILES);
  const { env } = world.daemon;
  const mountpoint = world.mountpoint('m');
  const first = configFile('first.toml', '[mount]\nmiss_policy = "30s"\n');
  const same = configFile('same.toml', '# the same\nmount.miss_policy = "30s"\n');
  const other = configFile('other.toml', '[mount]\nmiss_policy = "fail"\n');
  const mount = (file: string) =>
    tryShoal(['mount', '--plain-http', '--config', file, reference, mountpoint], { env });
  t.equal((await mount(first)).exitCode, 0);
  await runShoal(['unmount', mountpoint], { env });
  const refused = await mount(other);
  t.equal(refused.exitCode, 2);
  t.match(refused.stderr, /other\.toml says something else .*first\.toml.*drain --keep-mounts/);
  t.equal((await mount(same)).exitCode, 0);
});

t.test('a mount over a slow link shows on a terminal what it fetches', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'script')) return;
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const gate = await openFaultGate(t, registry.host);
  const source = join(world.directory, 'source');
  // Random names: a bootstrap that does not compress to nothing.
  const names = Array.from({ length: 1500 }, () => randomBytes(24).toString('hex'));
  writeFiles(source, Object.fromEntries(names.map((name) => [name, 10])));
  await convertDirectory(source, `${registry.host}/image:latest`);
  await world.start();
  gate.mode = 'slow';
  const mountpoint = world.mountpoint('m');
  const { env } = world.daemon;
  const command = `bin/shoal mount --plain-http ${gate.host}/image:latest ${mountpoint}`;
  const { stdout } = await runChecked('script', ['-qec', command, '/dev/null'], { env, cwd: root });
  t.match(stdout, /mount: fetched [\d.]+ KiB, [\d.]+ KiB\/s/);
  t.match(stdout, /is mounted at/);
});
