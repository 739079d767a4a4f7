/** What an image wants first: not fetched ahead where that is turned off, and after a restart if it was not yet. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { killDaemon } from '../support/image-world.ts';
import {
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { runShoal } from '../support/shoal-command.ts';

t.setTimeout(300_000);

t.test('the list of an image is a matter of the configuration, and of a restart', async (t) => {
  if (!requireMounts(t)) return;
  const configFile = join(temporaryDirectory(t), 'config.toml');
  writeFileSync(configFile, '[mount]\nprefetch = false\n');
  const world = mountWorld(t, { configFile });
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const source = join(world.directory, 'source');
  writeFiles(source, { listed: 3_000_000, read: 100_000, unread: 3_000_000 });
  const patterns = join(world.directory, 'patterns');
  writeFileSync(patterns, '/listed\n');
  const reference = `${registry.host}/image:latest`;
  const from = ['--source', `dir:${source}`, '--chunk-size', '64k', '--compressor', 'none'];
  await runShoal(['convert', '--prefetch-patterns', patterns, ...from, '--target', reference]);
  const mountpoint = world.mountpoint('m');
  const prefetched = async () => {
    const [mount] = (await world.status()).mounts;
    return mount?.blobs[0]?.fetched.byCause['prefetch'] ?? 0;
  };
  await world.mount({ reference, mountpoint });
  t.equal(await digestBySha256sum(join(mountpoint, 'read')), digestOfFile(join(source, 'read')));
  t.equal(await prefetched(), 0, 'turned off');
  await killDaemon(world);
  writeFileSync(configFile, '');
  await world.start();
  await until('the list is here', async () => (await prefetched()) >= 3_000_000);
  const [mount] = (await world.status()).mounts;
  t.ok((mount?.bytesPresent ?? 0) < 6_000_000, 'and nothing else');
});
