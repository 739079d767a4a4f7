/**
 * `shoal upgrade` under readers: a new version takes over, a broken one does not, nobody sees an
 * error. Versions are copies of this checkout.
 */
import { spawn } from 'node:child_process';
import { readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, runCommand, until } from '@shoal/test-kit';
import t from 'tap';
import { installCopy, patchCopy } from '../support/installed-copy.ts';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { startServiceManager } from '../support/service-manager.ts';

t.setTimeout(540_000);

const COUNT = 800;
const NAMES = Array.from({ length: COUNT }, (_, at) => `file-${at}`);
/** Checks one file after the other until it is told to stop; says how far it is. */
const READER = `n=0
while [ ! -e "$2" ]; do
  (cd "$0" && grep " file-$n$" "$1" | sha256sum --check --quiet --strict) || exit 1
  n=$(((n + 1) % ${COUNT}))
  echo $n
  sleep 0.1
done`;
/** Fails after the old daemon has left. */
const BROKEN = [
  'packages/node/src/compose.ts',
  'const drivers = await',
  "throw new Error('a bug of the new version');\n  const drivers = await",
] as const;

t.test('versions are swapped under readers', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const source = join(world.directory, 'source');
  writeFiles(source, Object.fromEntries(NAMES.map((name) => [name, 70_000])));
  const reference = `${registry.host}/image:latest`;
  await convertDirectory(source, reference, 0x10000);
  const sums = join(world.directory, 'sums');
  const lines = NAMES.map((name) => `${digestOfFile(join(source, name))}  ${name}\n`);
  writeFileSync(sums, lines.join(''));

  const prefix = join(world.directory, 'opt');
  const one = installCopy(prefix, '1.0.0');
  const two = installCopy(prefix, '1.1.0');
  const late = installCopy(prefix, '1.2.0');
  patchCopy(late, ...BROKEN);
  const dead = installCopy(prefix, '1.10.0');
  writeFileSync(join(dead, 'packages/cli/src/main.ts'), 'this is no program');
  const current = join(prefix, 'current');
  symlinkSync('versions/1.0.0', current);
  const { env } = world.daemon;
  const shoal = (...argv: string[]) =>
    runCommand(join(current, 'bin', 'shoal'), argv, { env, timeoutMs: 120_000 });

  const mountpoint = world.mountpoint('m');
  t.equal((await shoal('mount', '--plain-http', reference, mountpoint)).exitCode, 0);
  const first = await world.client.ping();
  t.match(first, { version: '1.0.0', home: one, startedBy: 'command' });

  const stopFile = join(world.directory, 'stop');
  let progress = 0;
  const readers = Array.from({ length: 3 }, () => {
    const child = spawn('sh', ['-c', READER, mountpoint, sums, stopFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', () => {
      progress += 1;
    });
    child.stderr.on('data', (text) => {
      said += String(text);
    });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    t.teardown(() => child.kill('SIGKILL'));
    return { ended, said: () => said };
  });
  const moreProgress = async () => {
    const from = progress;
    await until('readers go on', () => progress > from + 5);
  };
  await moreProgress();

  const upgraded = await shoal('upgrade', '--to', two, '--json');
  t.equal(upgraded.exitCode, 0, upgraded.stderr);
  const answer = JSON.parse(upgraded.stdout);
  t.match(answer, { from: '1.0.0', to: '1.1.0', mounts: 1 });
  t.comment(`no daemon answered for ${answer.pauseMs} ms`);
  const second = await world.client.ping();
  t.match(second, { version: '1.1.0', home: two, startedBy: 'command' });
  t.not(second.pid, first.pid);
  t.equal(readlinkSync(current), 'versions/1.1.0');
  await moreProgress();

  const broken = await shoal('upgrade', '--to', late);
  t.equal(broken.exitCode, 1);
  t.match(
    broken.stderr,
    /version 1\.2\.0 did not start .*a bug of the new version.* the old version serves/,
  );
  t.match(await world.client.ping(), { version: '1.1.0', home: two });
  t.equal(readlinkSync(current), 'versions/1.1.0');
  await moreProgress();

  const third = await world.client.ping();
  const never = await shoal('upgrade', '--newest');
  t.equal(never.exitCode, 1);
  t.match(never.stderr, /1\.10\.0 cannot be upgraded to: its command does not start/);
  t.equal((await world.client.ping()).pid, third.pid, 'the daemon never left');

  const back = await runCommand(join(one, 'bin', 'shoal'), ['upgrade'], {
    env,
    timeoutMs: 120_000,
  });
  t.match(
    back.stdout,
    /daemon 1\.1\.0 is replaced by 1\.0\.0, process \d+; 1 mount; no daemon answered for \d+ ms/,
  );
  t.equal(readlinkSync(current), 'versions/1.0.0');
  writeFileSync(stopFile, '');
  for (const reader of readers) t.equal(await reader.ended, 0, reader.said());
  const { mounts } = await world.status();
  const errors = mounts.flatMap(({ blobs }) => blobs.map((blob) => blob.errors));
  t.same(errors, [0], 'one blob, which never failed');
});

t.test('under a service manager the link decides what starts', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const source = join(world.directory, 'source');
  writeFiles(source, { a: 100_000, b: 100_000, c: 100_000 });
  const reference = `${registry.host}/image:latest`;
  await convertDirectory(source, reference, 0x10000);

  const prefix = join(world.directory, 'opt');
  installCopy(prefix, '1.0.0');
  const two = installCopy(prefix, '1.1.0');
  const late = installCopy(prefix, '1.2.0');
  patchCopy(late, ...BROKEN);
  const current = join(prefix, 'current');
  symlinkSync('versions/1.0.0', current);
  const program = join(current, 'bin', 'shoal');
  const notify = join(world.directory, 'notify.sock');
  const manager = startServiceManager(t, notify, { program, isRestarting: true });
  const { env, root, run } = world.daemon;
  await manager.start(['node', '--root', root, '--run', run]);
  const mountpoint = world.mountpoint('m');
  await world.client.mount({ reference, mountpoint, source: { plainHttp: true } });
  const read = async (name: string) =>
    t.equal(await digestBySha256sum(join(mountpoint, name)), digestOfFile(join(source, name)));
  await read('a');

  const upgrade = (home: string) =>
    runCommand(program, ['upgrade', '--to', home], { env, timeoutMs: 120_000 });
  const done = await upgrade(two);
  t.match(done.stdout, /daemon 1\.0\.0 is replaced by 1\.1\.0, process \d+; 1 mount/, done.stderr);
  t.match(await world.client.ping(), { version: '1.1.0', startedBy: 'service-manager' });
  await read('b');

  const broken = await upgrade(late);
  t.equal(broken.exitCode, 1);
  t.match(
    broken.stderr,
    /1\.2\.0 did not start .*a bug of the new version.* the old version serves/,
  );
  t.match(await world.client.ping(), { version: '1.1.0' });
  t.equal(readlinkSync(current), 'versions/1.1.0');
  await read('c');
});
