/**
 * nydusd reads a converted image with the mirror as its forward proxy: of a repository that is public, one with a
 * password and one with tokens; through a daemon that shares, cold and warm; and without it once it is gone.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ProxyEvent, RegistryProxy, type UpstreamOptions } from '@shoal/registry-proxy';
import t, { type Test } from 'tap';
import { MirrorNodes } from '../support/mirror-nodes.ts';
import { ANN, CREDENTIALS } from '../support/registry-user.ts';
import {
  countReads,
  NYDUS_REPOSITORY,
  openNydusRegistries,
  REGISTRY_KINDS,
  type RegistryBackend,
  UPSTREAM_NAME,
} from './support/nydus-registries.ts';
import type { NydusProxy } from './support/nydusd-mount.ts';

t.setTimeout(300_000);

type Backend = Omit<RegistryBackend, 'repository'>;

t.test('nydusd shows the image', async (t) => {
  const registries = await openNydusRegistries(t);
  if (registries === undefined) return;
  const { differences } = registries;
  const mount = (t: Test, backend: Backend) =>
    registries.mount(t, { repository: NYDUS_REPOSITORY, ...backend });
  const isRight = async (t: Test, mountpoint: string, text: string) =>
    t.same(await differences(mountpoint), [], text);

  for (const kind of REGISTRY_KINDS) {
    await t.test(kind, async (t) => {
      const registry = await registries.start(t, kind);
      const { host, events } = await openProxy(t, { address: `http://${registry.host}` });
      // Tokens come from a server that is no upstream: nydusd asks that one itself where it may.
      const proxy: NydusProxy = {
        host,
        fallback: kind === 'tokens',
        pingUrl: `http://${host}/healthz`,
      };
      const credentials = kind === 'public' ? {} : { credentials: CREDENTIALS };
      const backends: Readonly<Record<string, Backend>> = {
        http: { host: UPSTREAM_NAME, proxy, ...credentials },
        'https by http': {
          scheme: 'https',
          host: UPSTREAM_NAME,
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
      const stranger = await mount(t, {
        host: UPSTREAM_NAME,
        proxy: { ...proxy, fallback: false },
      });
      await t.rejects(differences(stranger), 'nobody reads without credentials');
      t.equal(countReads(events), 0);
    });
  }

  await t.test('with tokens that the mirror gets', async (t) => {
    const registry = await registries.start(t, 'tokens');
    const { host, events } = await openProxy(t, {
      address: `http://${registry.host}`,
      ...{ mode: 'node', credentials: ANN },
      redirectHosts: [new URL(registry.tokenServer?.realm ?? '').host],
    });
    await isRight(
      t,
      await mount(t, { host: UPSTREAM_NAME, proxy: { host, fallback: false } }),
      'all of it',
    );
    t.ok(countReads(events) > 0);
  });

  await t.test('https without use_http is a tunnel, which there is none', async (t) => {
    const registry = await registries.start(t, 'public');
    const { host, events } = await openProxy(t, { address: `http://${registry.host}` });
    const mounted = await mount(t, {
      scheme: 'https',
      host: UPSTREAM_NAME,
      proxy: { host, fallback: false },
    });
    await t.rejects(differences(mounted));
    t.same(events, []);
  });

  await t.test('without the mirror, once it is gone', async (t) => {
    const registry = await registries.start(t, 'public');
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
    const registry = await registries.start(t, 'password');
    const nodes = await MirrorNodes.open(t, [{ name: UPSTREAM_NAME, host: registry.host }]);
    await nodes.node('first', 'seed', 'challenge');
    const { host, peer } = await nodes.node('second', 'peer', 'challenge');
    const backend = {
      ...{ host: UPSTREAM_NAME, credentials: CREDENTIALS },
      proxy: { host, fallback: false, pingUrl: `http://${host}/healthz` },
    };
    const sent = () => nodes.bytesSent(UPSTREAM_NAME);
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

async function openProxy(t: Test, upstream: Partial<UpstreamOptions>) {
  const events: ProxyEvent[] = [];
  const proxy = await RegistryProxy.listen({
    port: 0,
    onRequest: (event) => {
      if (event.kind !== 'health') events.push(event);
    },
    upstreams: [{ name: UPSTREAM_NAME, ...upstream }],
  });
  t.teardown(async () => {
    await proxy.close();
    if (!t.passing()) for (const event of events) t.comment(eventText(event));
  });
  return { host: proxy.host, events, close: () => proxy.close() };
}

function eventText({ kind, reference, status, bytes, durationMs, error }: ProxyEvent): string {
  const what = `${kind} ${reference ?? ''}`;
  return `${what}: ${status}, ${bytes} bytes, ${Math.round(durationMs)} ms ${error ?? ''}`;
}
