/** The cache cannot be used when a daemon starts: it does not start, and readers wait for one that does. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
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

t.test('a start that can serve nothing ends nothing', async (t) => {
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
  const cache = join(world.daemon.root, 'cache');
  renameSync(cache, `${cache}.away`);
  writeFileSync(cache, 'no directory');
  const { exitCode, stderr } = await tryShoal(['node'], { env: world.daemon.env });
  t.equal(exitCode, 1);
  t.match(stderr, /none of the mounts that wait for a daemon can be served: .*\/cache/);
  t.ok(stderr.includes(`umount -l ${mountpoint}`), 'the remedy names the mount');
  rmSync(cache);
  renameSync(`${cache}.away`, cache);
  await world.start();
  t.equal(await waiting, digestOfFile(join(source, 'file')));
  t.match(await world.status(), { problems: [], mounts: [{ mountpoint }] });
});
