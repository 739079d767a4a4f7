/** A daemon of another root takes nothing away from mounts that wait in the same run directory. */
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { tryShoal } from '../support/shoal-command.ts';

t.setTimeout(300_000);

t.test('another root is refused while mounts wait', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const source = join(world.directory, 'source');
  writeFiles(source, { file: 700_000 });
  const reference = `${registry.host}/image:latest`;
  await convertDirectory(source, reference, 0x10000);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  process.kill((await world.client.ping()).pid, 'SIGKILL');
  await until('the daemon has gone', async () => {
    return (await world.client.ping().catch(() => undefined)) === undefined;
  });
  const waiting = digestBySha256sum(join(mountpoint, 'file'));
  const { root, run, env } = world.daemon;
  const other = join(world.directory, 'other');
  const refused = await tryShoal(['node', '--root', other, '--run', run], { env });
  t.equal(refused.exitCode, 1);
  t.ok(refused.stderr.includes(`${run} is in use for the mounts of ${root}`), refused.stderr);
  t.ok(refused.stderr.includes(other), 'both are named');
  await world.start();
  t.equal(await waiting, digestOfFile(join(source, 'file')));
  t.match(await world.status(), { problems: [], mounts: [{ mountpoint }] });
});
