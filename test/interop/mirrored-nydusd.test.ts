/**
 * nydusd reads a converted image through the proxy, in its mirror mode and by the path: of a repository
 * that is public, one with a password and one with tokens.
 */
import { join } from 'node:path';
import { type ProxyEvent, RegistryProxy } from '@shoal/registry-proxy';
import {
  buildTortureLayout,
  type DockerRegistryOptions,
  requireMounts,
  requireNydus,
  requireTool,
  runChecked,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { takeApart } from '../support/converted-layout.ts';
import { differencesFrom, unpackReference } from '../support/reference-tree.ts';
import { runShoal } from '../support/shoal-command.ts';
import { mountWithNydusd } from './support/nydusd-mount.ts';

t.setTimeout(300_000);

const TOOLS = ['umoci', 'getfattr', 'skopeo', 'docker-registry', 'htpasswd', 'openssl'];
const USERS = { ann: 'secret' };
const CREDENTIALS = 'ann:secret';
const REPOSITORY = 'shoal/app';

const REGISTRIES: Readonly<Record<string, DockerRegistryOptions>> = {
  public: {},
  password: { htpasswd: USERS },
  tokens: { token: { users: USERS, noAnonymous: true } },
};

t.test('nydusd shows the image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, ...TOOLS)) return;
  const directory = temporaryDirectory(t);
  const source = buildTortureLayout(join(directory, 'source'));
  const reference = await unpackReference(source, join(directory, 'bundle'));
  const converted = join(directory, 'converted');
  await runShoal(['convert', '--source', `oci:${source}`, '--target', `oci:${converted}`]);
  const { bootstrap } = takeApart(converted, join(directory, 'parts'));
  for (const [kind, options] of Object.entries(REGISTRIES)) {
    await t.test(kind, async (t) => {
      const registry = await startDockerRegistry(t, options);
      const access = ['--dest-tls-verify=false', '--dest-creds', CREDENTIALS];
      const pushed = `docker://${registry.host}/${REPOSITORY}:lazy`;
      const copy = [
        '--insecure-policy',
        'copy',
        '-q',
        ...access,
        `oci:${converted}:latest`,
        pushed,
      ];
      await runChecked('skopeo', copy);
      const events: ProxyEvent[] = [];
      const proxy = await RegistryProxy.listen({
        port: 0,
        onRequest: (event) => events.push(event),
        upstreams: [{ name: 'registry.test', address: `http://${registry.host}` }],
      });
      t.teardown(() => proxy.close());
      const repository = REPOSITORY;
      const mirror = proxy.host;
      const backends = {
        // Nobody finds that name: what is not got from the proxy is not got.
        mirror: { host: 'registry.test', repository, mirror },
        path: { host: mirror, repository: `registry.test/${repository}` },
        // Challenges come from the registry itself, and what is read by them through the mirror.
        ...(kind === 'public'
          ? {}
          : {
              'asked-with-credentials': {
                host: registry.host,
                repository,
                mirror,
                authThrough: false,
              },
            }),
      };
      for (const [name, backend] of Object.entries(backends)) {
        events.length = 0;
        const credentials = kind === 'public' ? {} : { credentials: CREDENTIALS };
        const mounted = await mountWithNydusd(t, {
          ...{ program: nydus.daemon, bootstrap, directory: join(directory, kind, name) },
          backend: { type: 'registry', ...backend, ...credentials },
        });
        t.same(await differencesFrom(reference, mounted), [], name);
        const reads = events.filter(({ kind, status }) => kind === 'blobs' && status === 206);
        t.ok(reads.length > 0, `${name}: ${reads.length} ranges of blobs`);
      }
    });
  }
});
