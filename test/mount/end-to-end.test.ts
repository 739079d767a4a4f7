/**
 * The main job, as a user does it: convert, push to Debian's registry, mount, read. What is mounted
 * is the source, and only what was touched was fetched.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compareTrees, requireMounts, requireTool, runChecked, until } from '@shoal/test-kit';
import t from 'tap';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { digestOfFile, mountWorld, readRange, writeFiles } from '../support/mounted-image.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

const CHUNK = 1 << 20;
/** The kernel reads ahead 128 KiB; a chunk is the unit of fetching. */
const KERNEL_READAHEAD = 128 << 10;

t.test('convert, push, mount, read, write, unmount', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'getfattr', 'dd')) return;
  const world = mountWorld(t);
  const { env } = world.daemon;
  const registry = await startDockerRegistry(t, join(world.directory, 'registry'));
  const source = join(world.directory, 'source');
  writeFiles(source, { large: 12 << 20, 'dir/small': 700, 'dir/deep/chunks': 3 * CHUNK + 5 });
  writeFileSync(join(source, 'empty'), '');
  symlinkSync('dir/small', join(source, 'link'));
  writeFileSync(join(source, 'tool'), '#!/bin/sh\necho it runs\n', { mode: 0o755 });
  const reference = `${registry.host}/test/image:latest`;
  await runShoal(['convert', '--source', `dir:${source}`, '--target', reference]);

  const mountpoint = world.mountpoint('plain');
  const pushed = registry.blobBytesSent();
  const mounted = await runShoal(['mount', reference, mountpoint], { env });
  t.match(mounted.stdout, /is mounted at .*\(blobfs\)/);
  const sentByMount = registry.blobBytesSent() - pushed;
  const blobBytes = 15 << 20;
  t.ok(sentByMount < 200 << 10, `a mount fetches metadata only: ${sentByMount} bytes`);

  await t.test('a walk fetches nothing', async (t) => {
    const before = registry.blobBytesSent();
    await runChecked('ls', ['-lR', mountpoint]);
    await runChecked('find', [mountpoint, '-printf', '%s %T@ %m %l\\n']);
    t.equal(registry.blobBytesSent(), before);
    const [mount] = (await world.status()).mounts;
    t.equal(mount?.bytesPresent, 0);
    t.equal(mount?.blobs[0]?.misses.count, 0);
    t.equal(mount?.blobs[0]?.requests, 0);
  });

  await t.test('4 KiB cost their chunk and the readahead', async (t) => {
    const before = registry.blobBytesSent();
    const wanted = await readRange(join(source, 'large'), 5 * CHUNK + 4096, 4096);
    t.equal(await readRange(join(mountpoint, 'large'), 5 * CHUNK + 4096, 4096), wanted);
    const [blob] = (await world.status()).mounts[0]?.blobs ?? [];
    // It logs a request after the answer has gone.
    await until('status and registry tell the same', () => {
      return registry.blobBytesSent() - before === blob?.fetched.bySource['registry'];
    });
    const sent = registry.blobBytesSent() - before;
    t.ok(sent > 0 && sent <= CHUNK + KERNEL_READAHEAD + 4096, `the registry sent ${sent} bytes`);
    t.equal(blob?.fetched.byCause['demand'], sent);
    t.ok((blob?.bytesPresent ?? 0) <= 2 * CHUNK);
    t.equal(blob?.misses.count, 1);
    t.equal(blob?.errors, 0);
  });

  await t.test('a program runs, and everything is as it was', async (t) => {
    const { stdout } = await runChecked(join(mountpoint, 'tool'), []);
    t.equal(stdout, 'it runs\n');
    t.same(await compareTrees(source, mountpoint), []);
    const before = registry.blobBytesSent();
    await runChecked('cat', [join(mountpoint, 'large')]);
    t.equal(registry.blobBytesSent(), before, 'what is here is not fetched again');
    const [mount] = (await world.status()).mounts;
    t.ok((mount?.bytesPresent ?? 0) >= blobBytes);
  });

  await t.test('status, doctor and the list of drivers for people', async (t) => {
    const { stdout } = await runShoal(['status'], { env });
    t.match(stdout, new RegExp(`${mountpoint}  ${reference}  blobfs`));
    t.match(stdout, /blobfs: \d+ reads .*, 0 failed, 0 wait/);
    t.match(stdout, /from registry \(demand .*\); \d+ requests; \d+ misses, p50 .* ms; 0 errors/);
    const doctor = JSON.parse((await runShoal(['doctor', '--json'], { env })).stdout);
    t.match(doctor, { picked: 'blobfs', isHealthy: true, daemon: { root: world.daemon.root } });
    t.match((await runShoal(['mount', '--driver', 'list'], { env })).stdout, /^blobfs +auto/m);
  });

  await t.test('the mount is safe: nodev, nosuid, read-only', async (t) => {
    const line = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find((entry) => entry.includes(` ${mountpoint} `));
    t.match(line, /\bnosuid\b/);
    t.match(line, /\bnodev\b/);
    t.throws(() => writeFileSync(join(mountpoint, 'new'), ''), { code: 'EROFS' });
  });

  await t.test('complete blobs need no daemon', async (t) => {
    const second = world.mountpoint('complete');
    const { stdout } = await runShoal(['mount', reference, second], { env });
    t.match(stdout, /\(complete\)/);
    t.same(await compareTrees(source, second), []);
    await runShoal(['unmount', second], { env });
  });

  await t.test('writable: what is written stays after unmount', async (t) => {
    const second = world.mountpoint('writable');
    const { stdout } = await runShoal(['mount', reference, second, '--writable'], { env });
    const upper = /kept in (\S+)/.exec(stdout)?.[1] ?? '';
    writeFileSync(join(second, 'dir/small'), 'changed');
    mkdirSync(join(second, 'new'));
    t.equal(readFileSync(join(upper, 'dir/small'), 'utf8'), 'changed');
    t.equal(digestOfFile(join(second, 'large')), digestOfFile(join(source, 'large')));
    t.match((await runShoal(['unmount', second], { env })).stdout, /stays in/);
    t.notOk(existsSync(join(second, 'new')));
    await runShoal(['mount', reference, second, '--writable'], { env });
    t.equal(readFileSync(join(second, 'dir/small'), 'utf8'), 'changed');
    await runShoal(['unmount', second, '--discard'], { env });
    t.notOk(existsSync(upper));
    t.same(await compareTrees(source, mountpoint), [], 'the image did not change');
  });

  await t.test('unmount while busy says who', async (t) => {
    const sleeper = spawn('sleep', ['1000'], { cwd: join(mountpoint, 'dir'), stdio: 'ignore' });
    const ended = new Promise((resolve) => sleeper.once('exit', resolve));
    await until('sleep runs', () => isRunning(sleeper.pid, 'sleep'));
    const { exitCode, stderr } = await tryShoal(['unmount', mountpoint], { env });
    t.equal(exitCode, 1);
    t.match(stderr, new RegExp(`busy: .*pid ${sleeper.pid} \\(sleep 1000`));
    // Called in the mount, the command is not one of those that keep it busy.
    const inside = { env, cwd: mountpoint };
    const again = await tryShoal(['unmount', '.'], inside);
    t.equal(again.stderr.match(/pid \d+/g)?.join(), `pid ${sleeper.pid}`, again.stderr);
    sleeper.kill('SIGKILL');
    await ended;
    await runShoal(['unmount', '.'], inside);
    t.same((await world.status()).mounts, []);
    t.same(await runChecked('ls', ['-A', mountpoint]).then(({ stdout }) => stdout), '');
  });
});

function isRunning(pid: number | undefined, name: string): boolean {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name;
}
