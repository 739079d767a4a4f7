/**
 * The registry is down, slow, cut off or lying, the disk is full: readers get the right bytes, wait,
 * or get an error, as the policy of their mount says. Never zeros.
 */
import { mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, requireTool, runCommand, until } from '@shoal/test-kit';
import t from 'tap';
import { type GateMode, openFaultGate } from '../support/fault-gate.ts';
import { mountSmallDisk } from '../support/full-disk.ts';
import { imageWorld, killDaemon } from '../support/image-world.ts';
import { convertDirectory, digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

/** Read from the last to the first: nothing is read ahead that way. */
const FILES = Object.fromEntries(
  Array.from({ length: 10 }, (_, at) => [`file-${at}`, 300_000] as const).toReversed(),
);
const LAST = 9;

t.test('a policy that gives up: EIO, a reason, a log line, and right bytes later', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference } = await imageWorld(t, FILES);
  const mountpoint = world.mountpoint('fail');
  await world.mount({ reference, mountpoint, missPolicy: { kind: 'fail' } });
  const bad: readonly GateMode[] = ['down', 'truncate', 'lie', 'zeros', 'error'];
  for (const [at, mode] of bad.entries()) {
    gate.mode = mode;
    const name = `file-${LAST - at}`;
    const file = join(mountpoint, name);
    const { exitCode, stderr } = await runCommand('cat', [file]);
    t.equal(exitCode, 1, mode);
    t.match(stderr, /Input\/output error/, mode);
    gate.mode = 'pass';
    t.equal(await digestBySha256sum(file), digestOfFile(join(source, name)), mode);
  }
  const [blob] = (await world.status()).mounts[0]?.blobs ?? [];
  t.ok((blob?.errors ?? 0) >= bad.length);
  t.type(blob?.lastError?.reason, 'string');
  const log = readFileSync(join(world.daemon.run, 'shoal.log'), 'utf8').trim().split('\n');
  const lines = log.map((line) => JSON.parse(line));
  t.ok(lines.some(({ level, message, reason }) => level === 'error' && message && reason));
});

t.test('deadline: EIO when it has passed, also when nothing answers at all', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference } = await imageWorld(t, FILES);
  const mountpoint = world.mountpoint('deadline');
  await world.mount({ reference, mountpoint, missPolicy: { kind: 'deadline', timeoutMs: 2000 } });
  gate.mode = 'hang';
  const { exitCode, stderr } = await runCommand('cat', [join(mountpoint, 'file-9')]);
  t.equal(exitCode, 1);
  t.match(stderr, /Input\/output error/);
  const [blob] = (await world.status()).mounts[0]?.blobs ?? [];
  t.match(blob?.lastError?.reason, /no bytes within 2000 ms/);
  gate.mode = 'pass';
  // Readahead may still hang on the old connection, until the client gives that up.
  await until('bytes come again', async () => {
    const digest = await digestBySha256sum(join(mountpoint, 'file-9'));
    return digest === digestOfFile(join(source, 'file-9'));
  });
});

t.test('two policies on one blob: one reader waits, the other has its error', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference } = await imageWorld(t, FILES);
  const patient = world.mountpoint('patient');
  const hasty = world.mountpoint('hasty');
  await world.mount({ reference, mountpoint: patient });
  await world.mount({ reference, mountpoint: hasty, missPolicy: { kind: 'fail' } });
  gate.mode = 'error';
  const waiting = digestBySha256sum(join(patient, 'file-0'));
  t.equal(await digestBySha256sum(join(hasty, 'file-0')), undefined);
  await until('the patient one waits', async () =>
    (await world.status()).mounts.some(({ blobs }) => blobs[0]?.waitingReason !== undefined),
  );
  gate.mode = 'pass';
  const expected = digestOfFile(join(source, 'file-0'));
  t.equal(await waiting, expected);
  t.equal(await digestBySha256sum(join(hasty, 'file-0')), expected);
});

t.test('disk full: reads still work, and the log says so', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'mkfs.ext4')) return;
  const files = { ...FILES, large: 24 << 20 };
  const { world, source, reference } = await imageWorld(t, files);
  const cache = join(world.directory, 'small');
  await mountSmallDisk(t, join(world.directory, 'small.ext4'), cache, '16M');
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint, cacheDirectory: join(cache, 'blobs') });
  t.equal(await digestBySha256sum(join(mountpoint, 'large')), digestOfFile(join(source, 'large')));
  const { bavail, bsize } = statfsSync(cache);
  t.ok(bavail * bsize < 4 << 20, 'the disk is full');
  for (const name of Object.keys(FILES)) {
    const expected = digestOfFile(join(source, name));
    t.equal(await digestBySha256sum(join(mountpoint, name)), expected, name);
  }
  const [blob] = (await world.status()).mounts[0]?.blobs ?? [];
  t.ok((blob?.bytesPassedThrough ?? 0) > 0);
  t.match(readFileSync(join(world.daemon.run, 'shoal.log'), 'utf8'), /"kind":"disk-full"/);
  await world.client.unmount({ mountpoint });
  await killDaemon(world, 'SIGTERM');
  await until('the cache can be unmounted', async () => {
    return (await runCommand('umount', [cache])).exitCode === 0;
  });
});

t.test('bad requests: one clear sentence, nothing left behind', async (t) => {
  if (!requireMounts(t)) return;
  const { world, source, reference, gate } = await imageWorld(t, FILES);
  const { env } = world.daemon;
  const mountpoint = world.mountpoint('m');
  const file = join(world.directory, 'file');
  writeFileSync(file, '');
  const layout = `oci:${join(world.directory, 'layout')}:v1`;
  await convertDirectory(source, layout);
  const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['mount', reference, '/etc'], 1, /cannot mount at \/etc: the host needs/],
    [['mount', reference, '/proc/self'], 1, /cannot mount at/],
    [['mount', reference, file], 1, /is not a directory/],
    [['mount', reference, join(world.directory, 'none')], 1, /does not exist/],
    [['mount', `${gate.host}/none:v1`, mountpoint], 1, /none/],
    [['mount', 'UPPER/:::', mountpoint], 2, /UPPER/],
    [['mount', reference, mountpoint, '--driver', 'magic'], 2, /no driver magic/],
    [['mount', reference, mountpoint, '--miss-policy', 'never'], 2, /miss-policy/],
    [['mount', reference, mountpoint, '--platform', 'linux'], 2, /linux/],
    [['mount', reference], 2, /mountpoint/],
    [['unmount', mountpoint], 1, /no image is mounted/],
    [['mount', `oci:${source}:v1`, mountpoint], 1, /source/],
  ];
  await world.start();
  const refuse = async ([args, code, message]: (typeof cases)[number]) => {
    const { exitCode, stderr } = await tryShoal(args, { env });
    t.equal(exitCode, code, `${args.join(' ')}: ${stderr}`);
    t.match(stderr, message);
    t.equal(stderr.trim().split('\n').length, 1, `one line: ${stderr}`);
  };
  for (let at = 0; at < cases.length; at += 4) {
    await Promise.all(cases.slice(at, at + 4).map(refuse));
  }
  await runShoal(['mount', layout, mountpoint], { env });
  const twice = await tryShoal(['mount', layout, mountpoint], { env });
  t.equal(twice.exitCode, 1);
  t.match(twice.stderr, /is mounted there already/);
  t.equal((await world.status()).mounts.length, 1);
});

t.test(
  "the caller's credentials are used, now and after a restart, and kept nowhere",
  async (t) => {
    if (!requireMounts(t)) return;
    const { world, source, registry } = await imageWorld(t, FILES);
    const password = 'correct-horse-battery';
    const gate = await openFaultGate(t, registry.host, { user: 'me', password });
    const reference = `${gate.host}/image:latest`;
    const mountpoint = world.mountpoint('m');
    const denied = await tryShoal(['mount', reference, mountpoint], { env: world.daemon.env });
    t.equal(denied.exitCode, 1);
    t.match(denied.stderr, new RegExp(gate.host));

    const config = join(world.directory, 'docker');
    mkdirSync(config);
    const auth = Buffer.from(`me:${password}`).toString('base64');
    const auths = { [gate.host]: { auth } };
    writeFileSync(join(config, 'config.json'), JSON.stringify({ auths }));
    const env = { ...world.daemon.env, DOCKER_CONFIG: config };
    await runShoal(['mount', reference, mountpoint], { env });
    await killDaemon(world);
    await world.start();
    t.equal(
      await digestBySha256sum(join(mountpoint, 'file-9')),
      digestOfFile(join(source, 'file-9')),
    );
    const found = await runCommand('grep', ['-rEl', `${auth}|${password}`, world.daemon.root]);
    t.equal(found.stdout, '', 'no secret in the state');
    const log = readFileSync(join(world.daemon.run, 'shoal.log'), 'utf8');
    t.notOk(log.includes(auth) || log.includes(password), 'no secret in the log');
  },
);
