/** A proxy before an embedded registry, with something between them that can break. */
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  type ProxyEvent,
  RegistryProxy,
  type RegistryProxyOptions,
  type UpstreamOptions,
} from '@shoal/registry-proxy';
import { FaultProxy, type TestScope } from '@shoal/test-kit';
import { type Answer, type AskOptions, ask } from './ask.ts';

export type Scene = {
  readonly registry: EmbeddedRegistry;
  readonly proxy: RegistryProxy;
  /** Between the two: what goes wrong, and what was asked with which header. */
  readonly wire: FaultProxy;
  /** `GET /v2/a/b/manifests/v1?ns=` and the like, in their order; the registry's side. */
  readonly asked: string[];
  readonly events: ProxyEvent[];
  /** The proxy's, which stands still: a slow machine makes nothing old. */
  readonly clock: { nowMs: number };
  ask(path: string, options?: AskOptions): Promise<Answer>;
};

export type SceneOptions = Partial<Omit<RegistryProxyOptions, 'upstreams'>> & {
  /** Of the one upstream `registry.test`; its address is the registry's unless given. */
  readonly upstream?: Partial<UpstreamOptions>;
  /** Beside that. */
  readonly others?: readonly UpstreamOptions[];
};

export async function openScene(t: TestScope, options: SceneOptions = {}): Promise<Scene> {
  const asked: string[] = [];
  const events: ProxyEvent[] = [];
  const clock = { nowMs: 0 };
  const registry = await EmbeddedRegistry.listen({
    accessLog: ({ method, path, range }) => {
      if (method === 'GET' || method === 'HEAD') {
        asked.push(`${method} ${path}${range === undefined ? '' : ` ${range}`}`);
      }
    },
  });
  const wire = await FaultProxy.listen(t, registry.host);
  const { upstream, others = [], ...rest } = options;
  const proxy = await RegistryProxy.listen({
    port: 0,
    clock: () => clock.nowMs,
    onRequest: (event) => events.push(event),
    ...rest,
    upstreams: [{ name: 'registry.test', address: `http://${wire.host}`, ...upstream }, ...others],
  });
  t.teardown(async () => {
    await proxy.close();
    await registry.close();
  });
  return {
    registry,
    proxy,
    wire,
    asked,
    events,
    clock,
    ask: (path, more) => ask(proxy.host, path, more),
  };
}
