/**
 * A real multi-layer image through a real registry: converted registry to registry, mounted by Shoal
 * and by nydusd, both as umoci unpacks it; a program runs from it with a part of its bytes.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  requireMounts,
  requireNydus,
  requireTool,
  runChecked,
  temporaryDirectory,
} from '@shoal/test-kit';
import { startDockerRegistry } from '@shoal/test-kit/registry/docker-registry';
import t from 'tap';
import { takeApart } from '../support/converted-layout.ts';
import { buildDebianLayout } from '../support/debian-image.ts';
import { ownDaemon } from '../support/own-daemon.ts';
import { differencesFrom, unpackReference } from '../support/reference-tree.ts';
import { runShoal } from '../support/shoal-command.ts';
import { mountWithNydusd, NYDUSD_LISTING } from './support/nydusd-mount.ts';

type Status = {
  readonly mounts: readonly { readonly bytesPresent: number; readonly bytesTotal: number }[];
};

const TOOLS = ['umoci', 'getfattr', 'skopeo', 'docker-registry', 'mmdebstrap'];

t.test('a Debian image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, ...TOOLS)) return;
  const directory = temporaryDirectory(t);
  const source = await buildDebianLayout(join(directory, 'source'));
  const registry = await startDockerRegistry(t);
  const repository = `${registry.host}/shoal/debian`;
  await runChecked('skopeo', [
    ...['copy', '--quiet', '--dest-tls-verify=false'],
    ...[`oci:${source}:latest`, `docker://${repository}:plain`],
  ]);
  const images = ['--source', `${repository}:plain`, '--target', `${repository}:lazy`];
  await runShoal(['convert', ...images]);
  await runShoal(['check', ...images]);
  const reference = await unpackReference(source, join(directory, 'bundle'));

  await t.test('mounted by Shoal', async (t) => {
    const { env } = ownDaemon(t, directory);
    const mountpoint = join(directory, 'mount');
    mkdirSync(mountpoint);
    await runShoal(['mount', `${repository}:lazy`, mountpoint], { env });
    const present = async () => {
      const { stdout } = await runShoal(['status', '--json'], { env });
      const status: Status = JSON.parse(stdout);
      return status.mounts[0] ?? { bytesPresent: -1, bytesTotal: -1 };
    };
    await runChecked('ls', ['-lR', mountpoint]);
    t.equal((await present()).bytesPresent, 0, 'listing everything fetches no file data');
    const ran = await runChecked('unshare', [
      ...['--mount', '--propagation', 'private', '--root', mountpoint],
      ...['/app/python', '/app/main.py'],
    ]);
    t.equal(ran.stdout, '499500\n');
    const { bytesPresent, bytesTotal } = await present();
    t.ok(bytesPresent < bytesTotal / 2, `${bytesPresent} of ${bytesTotal} bytes`);
    t.same(await differencesFrom(reference, mountpoint), []);
    await runShoal(['unmount', mountpoint], { env });
  });

  await t.test('mounted by nydusd from the registry', async (t) => {
    const copied = join(directory, 'copied');
    await runChecked('skopeo', [
      ...['copy', '--quiet', '--src-tls-verify=false'],
      ...[`docker://${repository}:lazy`, `oci:${copied}:latest`],
    ]);
    const files = takeApart(copied, join(directory, 'parts'));
    const mounted = await mountWithNydusd(t, {
      program: nydus.daemon,
      bootstrap: files.bootstrap,
      backend: { type: 'registry', host: registry.host, repository: 'shoal/debian' },
      directory: join(directory, 'nydusd'),
    });
    t.same(await differencesFrom(reference, mounted, NYDUSD_LISTING), []);
  });
});
