/**
 * nydusd reads a converted image through the proxy, in its mirror mode and by the path: of a repository
 * that is public, one with a password and one with tokens.
 */
import { type ProxyEvent, RegistryProxy } from '@shoal/registry-proxy';
import t from 'tap';
import { CREDENTIALS } from '../support/registry-user.ts';
import {
  countReads,
  NYDUS_REPOSITORY,
  openNydusRegistries,
  REGISTRY_KINDS,
  UPSTREAM_NAME,
} from './support/nydus-registries.ts';

t.setTimeout(300_000);

t.test('nydusd shows the image', async (t) => {
  const registries = await openNydusRegistries(t);
  if (registries === undefined) return;
  for (const kind of REGISTRY_KINDS) {
    await t.test(kind, async (t) => {
      const registry = await registries.start(t, kind);
      const events: ProxyEvent[] = [];
      const proxy = await RegistryProxy.listen({
        port: 0,
        onRequest: (event) => events.push(event),
        upstreams: [{ name: UPSTREAM_NAME, address: `http://${registry.host}` }],
      });
      t.teardown(() => proxy.close());
      const repository = NYDUS_REPOSITORY;
      const mirror = proxy.host;
      const backends = {
        mirror: { host: UPSTREAM_NAME, repository, mirror },
        path: { host: mirror, repository: `${UPSTREAM_NAME}/${repository}` },
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
        const mounted = await registries.mount(t, { ...backend, ...credentials });
        t.same(await registries.differences(mounted), [], name);
        t.ok(countReads(events) > 0, `${name}: ${countReads(events)} ranges of blobs`);
      }
    });
  }
});
