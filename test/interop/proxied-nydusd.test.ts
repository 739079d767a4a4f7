/**
 * nydusd reads a converted image with the mirror as its forward proxy: of a repository that is public, one with a
 * password and one with tokens; through a daemon that shares, cold and warm; and without it once it is gone.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ProxyEvent, RegistryProxy, type UpstreamOptions } from '@shoal/registry-proxy';
import {
  buildTortureLayout,
  type DockerRegistry,
  type DockerRegistryOptions,
  requireMounts,
  requireNydus,
  requireTool,
  runChecked,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { takeApart } from '../support/converted-layout.ts';
import { MirrorNodes } from '../support/mirror-nodes.ts';
import { differencesFrom, unpackReference } from '../support/reference-tree.ts';
import { runShoal } from '../support/shoal-command.ts';
import { mountWithNydusd, type NydusBackend, type NydusProxy } from './support/nydusd-mount.ts';

t.setTimeout(300_000);

const TOOLS = ['umoci', 'getfattr', 'skopeo', 'docker-registry', 'htpasswd', 'openssl'];
const USERS = { ann: 'secret' };
const CREDENTIALS = 'ann:secret';
const ANN = { kind: 'password', username: 'ann', password: 'secret' } as const;
const REPOSITORY = 'shoal/app';
/** Nobody finds that name: what is not got from the proxy is not got. */
const NAME = 'registry.test';

const REGISTRIES = {
  public: {},
  password: { htpasswd: USERS },
  tokens: { token: { users: USERS, noAnonymous: true } },
} as const satisfies Readonly<Record<string, DockerRegistryOptions>>;

t.test('nydusd shows the image', async (t) => {
  const nydus = requireNydus(t);
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, ...TOOLS)) return;
  const directory = temporaryDirectory(t);
  const source = buildTortureLayout(join(directory, 'source'));
  const reference = await unpackReference(source, join(directory, 'bundle'));
  const converted = join(directory, 'converted');
  await runShoal(['convert', '--source', `oci:${source}`, '--target', `oci:${converted}`]);
  const { bootstrap } = takeApart(converted, join(directory, 'parts'));
  let mounts = 0;
  type Backend = Omit<NydusBackend & { type: 'registry' }, 'type' | 'repository'>;
  const mount = (t: Test, backend: Backend) =>
    mountWithNydusd(t, {
      ...{ program: nydus.daemon, bootstrap, directory: join(directory, `nydusd-${mounts++}`) },
      backend: { type: 'registry', repository: REPOSITORY, ...backend },
    });
  const isRight = async (t: Test, mountpoint: string, text: string) =>
    t.same(await differencesFrom(reference, mountpoint), [], text);
  const start = async (t: Test, options: DockerRegistryOptions) => {
    const registry = await startDockerRegistry(t, options);
    await push(converted, registry);
    return registry;
  };

  for (const kind of ['public', 'password', 'tokens'] as const) {
    await t.test(kind, async (t) => {
      const registry = await start(t, REGISTRIES[kind]);
      const { host, events } = await openProxy(t, { address: `http://${registry.host}` });
      // Tokens come from a server that is no upstream: nydusd asks that one itself where it may.
      const proxy: NydusProxy = {
        host,
        fallback: kind === 'tokens',
        pingUrl: `http://${host}/healthz`,
      };
      const credentials = kind === 'public' ? {} : { credentials: CREDENTIALS };
      const backends: Readonly<Record<string, Backend>> = {
        http: { host: NAME, proxy, ...credentials },
        'https by http': {
          scheme: 'https',
          host: NAME,
          proxy: { ...proxy, useHttp: true },
          ...credentials,
        },
      };
      for (const [name, backend] of Object.entries(backends)) {
        events.length = 0;
        await isRight(t, await mount(t, backend), name);
        t.ok(countReads(events) > 0, `${name}: ${countReads(events)} ranges of blobs`);
      }
      if (kind === 'public') return;
      events.length = 0;
      const stranger = await mount(t, { host: NAME, proxy: { ...proxy, fallback: false } });
      await t.rejects(differencesFrom(reference, stranger), 'nobody reads without credentials');
      t.equal(countReads(events), 0);
    });
  }

  await t.test('with tokens that the mirror gets', async (t) => {
    const registry = await start(t, REGISTRIES.tokens);
    const { host, events } = await openProxy(t, {
      address: `http://${registry.host}`,
      ...{ mode: 'node', credentials: ANN },
      redirectHosts: [new URL(registry.tokenServer?.realm ?? '').host],
    });
    await isRight(t, await mount(t, { host: NAME, proxy: { host, fallback: false } }), 'all of it');
    t.ok(countReads(events) > 0);
  });

  await t.test('https without use_http is a tunnel, which there is none', async (t) => {
    const registry = await start(t, REGISTRIES.public);
    const { host, events } = await openProxy(t, { address: `http://${registry.host}` });
    const mounted = await mount(t, {
      scheme: 'https',
      host: NAME,
      proxy: { host, fallback: false },
    });
    await t.rejects(differencesFrom(reference, mounted));
    t.same(events, []);
  });

  await t.test('without the mirror, once it is gone', async (t) => {
    const registry = await start(t, REGISTRIES.public);
    const name = registry.host;
    const { host, events, close } = await openProxy(t, { name, address: `http://${name}` });
    const proxy = { host, fallback: true, pingUrl: `http://${host}/healthz` };
    const mounted = await mount(t, { host: name, proxy });
    await readFile(join(mounted, 'one-byte'));
    t.ok(countReads(events) > 0);
    await close();
    await isRight(t, mounted, 'the registry itself gives the rest');
  });

  await t.test('through a daemon that shares, cold and warm', async (t) => {
    const registry = await start(t, REGISTRIES.password);
    const nodes = await MirrorNodes.open(t, [{ name: NAME, host: registry.host }]);
    await nodes.node('first', 'seed', 'challenge');
    const { host, peer } = await nodes.node('second', 'peer', 'challenge');
    const backend = {
      ...{ host: NAME, credentials: CREDENTIALS },
      proxy: { host, fallback: false, pingUrl: `http://${host}/healthz` },
    };
    const sent = () => nodes.bytesSent(NAME);
    const before = sent();
    await isRight(t, await mount(t, backend), 'cold');
    const between = sent();
    t.ok(between > before, `the registry has sent ${between - before} bytes`);
    const traffic = (await peer()).traffic;
    t.ok(traffic.rack > 0, 'the other host has given what it read as a home');
    await isRight(t, await mount(t, backend), 'warm');
    const again = sent() - between;
    t.ok(again < (between - before) / 4, `warm: the registry has sent ${again} bytes`);
  });
});

async function push(converted: string, { host }: DockerRegistry): Promise<void> {
  const access = ['--dest-tls-verify=false', '--dest-creds', CREDENTIALS];
  const target = `docker://${host}/${REPOSITORY}:lazy`;
  const copy = ['--insecure-policy', 'copy', '-q', ...access, `oci:${converted}:latest`, target];
  await runChecked('skopeo', copy);
}

async function openProxy(t: Test, upstream: Partial<UpstreamOptions>) {
  const events: ProxyEvent[] = [];
  const proxy = await RegistryProxy.listen({
    port: 0,
    onRequest: (event) => {
      if (event.kind !== 'health') events.push(event);
    },
    upstreams: [{ name: NAME, ...upstream }],
  });
  t.teardown(() => proxy.close());
  return { host: proxy.host, events, close: () => proxy.close() };
}

function countReads(events: readonly ProxyEvent[]): number {
  return events.filter(({ kind, status }) => kind === 'blobs' && status === 206).length;
}
