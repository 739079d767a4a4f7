/** What a daemon that only starts again costs: it opens what is on the disk, and no more. */
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { footprint } from '../support/footprint.ts';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';

t.test('a daemon that starts again needs neither network nor codec threads', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const registry = await EmbeddedRegistry.listen();
  const source = join(world.directory, 'source');
  writeFiles(source, { first: 100_000 });
  const reference = `${registry.host}/image:latest`;
  await convertDirectory(source, reference);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  const first = await digestBySha256sum(join(mountpoint, 'first'));
  t.equal(first, digestOfFile(join(source, 'first')));
  const before = footprint((await world.client.ping()).pid);
  t.ok(before.codecThreads > 0, 'they have unpacked what was read');

  process.kill((await world.client.ping()).pid, 'SIGKILL');
  await registry.close();
  await world.start();
  const { pid } = await world.client.ping();
  t.equal((await world.status()).mounts.length, 1);
  t.equal(footprint(pid).codecThreads, 0, 'what is here needs none');
});
