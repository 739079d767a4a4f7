/**
 * What an image wants first: no mount waits for it, it is not fetched ahead where that is turned off,
 * and after a restart if it was not yet.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, type TestScope, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { openFaultGate } from '../support/fault-gate.ts';
import { killDaemon } from '../support/image-world.ts';
import {
  digestBySha256sum,
  digestOfFile,
  type MountWorldOptions,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { runShoal } from '../support/shoal-command.ts';

const LISTED_BYTES = 3_000_000;

t.setTimeout(300_000);

/** An image that lists one of its three files, behind a gate. */
async function listingImage(t: TestScope, options: MountWorldOptions = {}) {
  const world = mountWorld(t, options);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const gate = await openFaultGate(t, registry.host);
  const source = join(world.directory, 'source');
  writeFiles(source, { listed: LISTED_BYTES, read: 100_000, unread: 3_000_000 });
  const patterns = join(world.directory, 'patterns');
  writeFileSync(patterns, '/listed\n');
  const from = ['--source', `dir:${source}`, '--chunk-size', '64k', '--compressor', 'none'];
  const target = `${registry.host}/image:latest`;
  await runShoal(['convert', '--prefetch-patterns', patterns, ...from, '--target', target]);
  const prefetched = async () => {
    const [mount] = (await world.status()).mounts;
    return mount?.blobs[0]?.fetched.byCause['prefetch'] ?? 0;
  };
  return { world, gate, source, reference: `${gate.host}/image:latest`, prefetched };
}

t.test('the list of an image is a matter of the configuration, and of a restart', async (t) => {
  if (!requireMounts(t)) return;
  const configFile = join(temporaryDirectory(t), 'config.toml');
  writeFileSync(configFile, '[mount]\nprefetch = false\n');
  const { world, source, reference, prefetched } = await listingImage(t, { configFile });
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  t.equal(await digestBySha256sum(join(mountpoint, 'read')), digestOfFile(join(source, 'read')));
  t.equal(await prefetched(), 0, 'turned off');
  await killDaemon(world);
  writeFileSync(configFile, '');
  await world.start();
  await until('the list is here', async () => (await prefetched()) >= LISTED_BYTES);
  const [mount] = (await world.status()).mounts;
  t.ok((mount?.bytesPresent ?? 0) < 6_000_000, 'and nothing else');
});

t.test('neither a mount nor a reader waits for the list of an image', async (t) => {
  if (!requireMounts(t)) return;
  const { world, gate, source, reference, prefetched } = await listingImage(t);
  // A bootstrap comes through at once, the list takes minutes.
  gate.mode = 'slow';
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  t.ok((await prefetched()) < LISTED_BYTES, 'it is mounted before the list is here');
  const reads = gate.blobReads;
  await until(
    'the list is being fetched',
    () => gate.blobReads > reads || prefetched().then((n) => n > 0),
  );
  t.equal(await digestBySha256sum(join(mountpoint, 'read')), digestOfFile(join(source, 'read')));
  t.ok((await prefetched()) < LISTED_BYTES, 'and a reader has had its bytes');
  gate.mode = 'pass';
  await until('the list is here', async () => (await prefetched()) >= LISTED_BYTES);
  t.equal(
    await digestBySha256sum(join(mountpoint, 'listed')),
    digestOfFile(join(source, 'listed')),
  );
});
