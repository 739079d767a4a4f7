/**
 * The daemon goes away, in every way a process can: readers wait and get the right bytes. Nothing
 * needs the network to come back.
 */
import { join } from 'node:path';
import { listHolders } from '@shoal/linux';
import { requireMounts, runCommand, until } from '@shoal/test-kit';
import { Level } from 'level';
import t from 'tap';
import { imageWorld, killDaemon } from '../support/image-world.ts';
import { digestBySha256sum, digestOfFile, mountWorld } from '../support/mounted-image.ts';
import { isAlive } from '../support/own-daemon.ts';
import { tryShoal } from '../support/shoal-command.ts';

const FILES = Object.fromEntries(Array.from({ length: 24 }, (_, at) => [`file-${at}`, 700_000]));
const ROUNDS = 3;

t.test('killed under readers, restarted: every byte is right', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference } = await imageWorld(t, FILES);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  const names = Object.keys(FILES);
  const digests: Promise<string | undefined>[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // Bytes are on their way while it is killed: a file would take a quarter of a minute.
    gate.mode = 'slow';
    const some = names.slice(
      (round * names.length) / ROUNDS,
      ((round + 1) * names.length) / ROUNDS,
    );
    digests.push(...some.map((name) => digestBySha256sum(join(mountpoint, name))));
    await until('readers wait', async () => {
      const [blob] = (await world.status()).mounts[0]?.blobs ?? [];
      return (blob?.waiting ?? 0) > 0;
    });
    await killDaemon(world);
    gate.mode = 'pass';
    await world.start();
  }
  const expected = names.map((name) => digestOfFile(join(source, name)));
  t.same(await Promise.all(digests), expected);
  const status = await world.status();
  t.same(status.problems, []);
  t.equal(status.mounts[0]?.mountpoint, mountpoint);
});

t.test('stopped and started without network: reads of what is here go on', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference } = await imageWorld(t, FILES);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  const first = join(mountpoint, 'file-0');
  t.equal(await digestBySha256sum(first), digestOfFile(join(source, 'file-0')));

  await killDaemon(world, 'SIGTERM');
  gate.mode = 'down';
  const waiting = digestBySha256sum(join(mountpoint, 'file-9'));
  await world.start();
  await runCommand('dd', [`if=${first}`, 'iflag=nocache', 'count=0', 'status=none']);
  t.equal(await digestBySha256sum(first), digestOfFile(join(source, 'file-0')));
  await until('the status says why a reader waits', async () => {
    const [blob] = (await world.status()).mounts[0]?.blobs ?? [];
    return blob?.waitingReason !== undefined && blob.waiting > 0;
  });
  gate.mode = 'pass';
  t.equal(await waiting, digestOfFile(join(source, 'file-9')));

  await world.client.unmount({ mountpoint });
  t.same((await world.status()).mounts, []);
});

t.test('daemon and holder dead together: errors, never zeros, and all is well again', async (t) => {
  if (!requireMounts(t)) return;
  const { world, source, reference } = await imageWorld(t, FILES);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  const holders = listHolders(join(world.daemon.run, 'blobfs'));
  t.equal(holders.length, 1);
  const { pid } = await world.client.ping();
  for (const each of [pid, ...holders]) process.kill(each, 'SIGKILL');
  await until('both have gone', () => ![pid, ...holders].some(isAlive));
  const file = join(mountpoint, 'file-5');
  t.equal(await digestBySha256sum(file), undefined, 'an error');
  await world.start();
  t.equal(await digestBySha256sum(file), digestOfFile(join(source, 'file-5')));
  t.match(await world.status(), { problems: [], mounts: [{ mountpoint }] });
});

t.test('two daemons on one root: the second refuses', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  await world.start();
  const { root, run, env } = world.daemon;
  const same = await tryShoal(['node'], { env });
  t.equal(same.exitCode, 1);
  t.match(same.stderr, /a daemon already answers at .*process \d+/);
  const other = await tryShoal(['node', '--root', root, '--run', `${run}2`], { env });
  t.equal(other.exitCode, 1);
  t.match(other.stderr, /another daemon uses/);
  t.ok((await world.client.ping()).pid > 0, 'the first one lives');
});

t.test('what a user unmounted by hand is forgotten, a damaged record is named', async (t) => {
  if (!requireMounts(t)) return;
  const { world, source, reference } = await imageWorld(t, FILES);
  const kept = world.mountpoint('kept');
  const gone = world.mountpoint('gone');
  await world.mount({ reference, mountpoint: kept });
  await world.mount({ reference, mountpoint: gone });
  await killDaemon(world, 'SIGKILL');
  await runCommand('umount', [gone]);
  const database = new Level<string, string>(join(world.daemon.root, 'state'));
  // The last thread of a killed process may hold its lock for a moment.
  await until('the database is free', () =>
    database.open().then(
      () => true,
      () => false,
    ),
  );
  await database.put('mount/ffffffffffffffff', '{"version":1}');
  await database.close();
  await world.start();
  const status = await world.status();
  t.same(
    status.mounts.map(({ mountpoint }) => mountpoint),
    [kept],
  );
  t.match(status.problems, [/mount\/ffffffffffffffff: .* is damaged/]);
  t.equal(
    await digestBySha256sum(join(kept, 'file-3')),
    digestOfFile(join(source, 'file-3')),
    'the others work',
  );
});
