/**
 * skopeo and podman read through the proxy, told by the registries.conf that `--print-config crio`
 * writes, and by its path form: public and private images, all platforms.
 */
import { formatMirrorSnippet } from '@shoal/registry-proxy/snippets';
import { requireRoot, requireTool } from '@shoal/test-kit';
import t from 'tap';
import { REGISTRY_NAMES } from '../support/mirror-registries.ts';
import { type MirrorWorld, openMirrorWorld } from '../support/mirror-world.ts';
import { copiesAll, podmanOf, pullsAll, skopeoOf } from './support/mirror-clients.ts';

const NEEDED = ['docker-registry', 'htpasswd', 'openssl'];

t.test('skopeo copies all platforms, by the path and by registries.conf', async (t) => {
  if (!requireTool(t, 'skopeo', ...NEEDED)) return;
  const world = await openMirrorWorld(t, 'own');
  const skopeo = skopeoOf(t, snippetOf(world));
  for (const { name, layers } of world.registries) {
    for (const registry of [`${world.proxy.host}/${name}`, name]) {
      const image = { source: `${registry}/app/multi:v1`, layers: [...layers.values()].flat() };
      t.ok(await copiesAll(t, skopeo, image), registry);
    }
  }
});

t.test('podman pulls', async (t) => {
  if (!requireRoot(t) || !requireTool(t, 'podman', ...NEEDED)) return;
  const world = await openMirrorWorld(t, 'own');
  const podman = podmanOf(t, snippetOf(world));
  for (const { name } of world.registries) {
    world.events.length = 0;
    t.ok(await pullsAll(podman, { image: `${name}/app/multi:v1` }), name);
    const fetched = world.events.filter(({ kind, status }) => kind === 'blobs' && status === 200);
    t.ok(fetched.length > 0, 'through the proxy');
  }
});

/** The names of the registries lead to the proxy, and nowhere else. */
function snippetOf({ proxy }: MirrorWorld): { registries: string } {
  const { host } = proxy;
  return { registries: formatMirrorSnippet('crio', { host, upstreams: REGISTRY_NAMES }).text };
}
