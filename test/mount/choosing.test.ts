/** Which image a mount takes, and what it says when there is none: the same as every other command. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { convertImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { buildLayout, FaultProxy, requireMounts, runChecked, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { convertDirectory, mountWorld } from '../support/mounted-image.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

t.test('the converted image of a reference is found, or it is said why not', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const { env } = world.daemon;
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const proxy = await FaultProxy.listen(t, registry.host);
  const image = `${proxy.host}/a/b`;
  const mountpoint = world.mountpoint('image');

  const layout = join(world.directory, 'layout');
  buildLayout({
    directory: layout,
    layers: [{ tar: writeTar([{ name: 'file', content: 'it' }]) }],
  });
  const convert = (from: string, to: string, options: object = {}) =>
    convertImage({ source: parseReference(from), target: parseReference(to), ...options });
  await convert(`oci:${layout}`, `${image}:merged`, { mergePlatform: true });
  const unpacked = ['unpack', '--source', `${image}:merged`, '--target', `${image}:plain`];
  await runShoal(unpacked);

  const refusals = [
    ['v9', `the registry ${proxy.host} has no image a/b:v9`],
    ['plain', `${image}:plain is not a converted image: neither`],
  ] as const;
  for (const [tag, said] of refusals) {
    for (const command of [
      ['mount', `${image}:${tag}`, mountpoint],
      ['ls', `${image}:${tag}`],
    ]) {
      const { exitCode, stderr } = await tryShoal(command, { env });
      t.equal(exitCode, 1);
      t.match(stderr, `shoal ${command[0]}: ${said}`);
    }
  }

  await t.test('referrers that cannot be asked for', async (t) => {
    const fault = { kind: 'status', status: 501 } as const;
    proxy.inject({ fault, matches: ({ url }) => url?.includes('/referrers/') === true });
    const { exitCode, stderr } = await tryShoal(['mount', `${image}:plain`, mountpoint], { env });
    t.equal(exitCode, 1);
    t.match(stderr, /its referrers cannot be read: .*answered with status 501/);
    proxy.heal();
  });

  await t.test('a referrer, and one of two in an index', async (t) => {
    const other = await convert(`${image}:plain`, `${image}:other`, { withReferrer: true });
    const [converted] = other.manifests;
    for (const tag of ['plain', 'merged']) {
      const mounted = await runShoal(['mount', `${image}:${tag}`, mountpoint], { env });
      const told = `it is ${converted?.targetManifest}, a referrer of ${converted?.sourceManifest}`;
      t.equal(mounted.stdout.includes(told), tag === 'plain', mounted.stdout);
      // In a process of its own: the registry is in this one.
      const { stdout } = await runChecked('cat', [join(mountpoint, 'file')]);
      t.equal(stdout, 'it', tag);
      await runShoal(['unmount', mountpoint], { env });
    }
    const mounted = await runShoal(['mount', '--json', `${image}:plain`, mountpoint], { env });
    t.match(JSON.parse(mounted.stdout), {
      manifestDigest: converted?.targetManifest,
      referrerOf: converted?.sourceManifest,
    });
    await runShoal(['unmount', mountpoint], { env });
  });

  await t.test('an image without any data', async (t) => {
    const source = join(world.directory, 'hollow');
    mkdirSync(join(source, 'only'), { recursive: true });
    writeFileSync(join(source, 'empty'), '');
    await convertDirectory(source, `${image}:hollow`);
    await runShoal(['mount', `${image}:hollow`, mountpoint], { env });
    t.equal((await runChecked('cat', [join(mountpoint, 'empty')])).stdout, '');
    await runShoal(['unmount', mountpoint], { env });
  });
});
