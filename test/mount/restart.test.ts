/**
 * The daemon goes away, in every way a process can: readers wait and get the right bytes. Nothing
 * needs the network to come back.
 */
import { join } from 'node:path';
import { listHolders } from '@shoal/linux';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, runCommand, until } from '@shoal/test-kit';
import { Level } from 'level';
import t from 'tap';
import { openFaultGate } from '../support/fault-gate.ts';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  type MountWorld,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { tryShoal } from '../support/shoal-command.ts';

const FILES = Object.fromEntries(Array.from({ length: 24 }, (_, at) => [`file-${at}`, 700_000]));

async function prepared(t: Parameters<typeof mountWorld>[0]) {
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const gate = await openFaultGate(t, registry.host);
  const source = join(world.directory, 'source');
  writeFiles(source, FILES);
  await convertDirectory(source, `${registry.host}/image:latest`, 0x10000);
  return { world, gate, source, reference: `${gate.host}/image:latest` };
}

async function killDaemon(world: MountWorld, signal: NodeJS.Signals): Promise<void> {
  const { pid } = await world.client.ping();
  process.kill(pid, signal);
  await until('the daemon has gone', () => !isAlive(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

t.test('killed under readers, restarted: every byte is right', async (t) => {
  if (!requireMounts(t)) return;
  const { world, source, reference } = await prepared(t);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  const digests = Promise.all(
    Object.keys(FILES).map((name) => digestBySha256sum(join(mountpoint, name))),
  );
  for (let round = 0; round < 3; round++) {
    await until('some bytes are there', async () => {
      const [mount] = (await world.status()).mounts;
      return (mount?.bytesPresent ?? 0) >= Math.min(round * 3_000_000, 9_000_000);
    });
    await killDaemon(world, 'SIGKILL');
    await world.start();
  }
  const expected = Object.keys(FILES).map((name) => digestOfFile(join(source, name)));
  t.same(await digests, expected);
  const status = await world.status();
  t.same(status.problems, []);
  t.equal(status.mounts[0]?.mountpoint, mountpoint);
});

t.test('stopped and started without network: reads of what is here go on', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference } = await prepared(t);
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
  const { world, source, reference } = await prepared(t);
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
  const { world, source, reference } = await prepared(t);
  const kept = world.mountpoint('kept');
  const gone = world.mountpoint('gone');
  await world.mount({ reference, mountpoint: kept });
  await world.mount({ reference, mountpoint: gone });
  await killDaemon(world, 'SIGKILL');
  await runCommand('umount', [gone]);
  const database = new Level<string, string>(join(world.daemon.root, 'state'));
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
