/** A proxy that mirrors three registries, public and private, in the test's own process. */
import { type AuthMode, type ProxyEvent, RegistryProxy } from '@shoal/registry-proxy';
import type { TestScope } from '@shoal/test-kit';
import { type MirrorRegistry, openMirrorRegistries } from './mirror-registries.ts';
import { ANN } from './registry-user.ts';

export type MirrorWorld = {
  readonly proxy: RegistryProxy;
  readonly events: ProxyEvent[];
  readonly registries: readonly MirrorRegistry[];
};

/** `public.test`, `basic.test` and `token.test`; the image is `app/multi:v1`. */
export async function openMirrorWorld(t: TestScope, mode: AuthMode): Promise<MirrorWorld> {
  const registries = await openMirrorRegistries(t);
  const events: ProxyEvent[] = [];
  const proxy = await openMirror(t, registries, mode, events);
  return { proxy, events, registries };
}

/** One more proxy before some of them; it tells of its requests. */
export async function openMirror(
  t: TestScope,
  registries: readonly MirrorRegistry[],
  mode: AuthMode,
  events: ProxyEvent[] = [],
): Promise<RegistryProxy> {
  const proxy = await RegistryProxy.listen({
    port: 0,
    onRequest: (event) => events.push(event),
    upstreams: registries.map(({ name, host, redirectHosts }) => ({
      ...{ name, mode, redirectHosts, credentials: ANN },
      address: `http://${host}`,
    })),
  });
  t.teardown(() => proxy.close());
  return proxy;
}
