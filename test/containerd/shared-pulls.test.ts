/**
 * containerd 1.6 and 2.x pull images that nobody has converted through the mirrors of two daemons that
 * share: what the first host has pulled comes to the second one from there, and not from the registry.
 */
import type { Descriptor } from '@shoal/oci';
import type { PeerStatus } from '@shoal/p2p-peer';
import { requireTool } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import {
  type Containerd,
  type ContainerdOptions,
  requireContainerd,
  startContainerd,
} from '../support/containerd.ts';
import { type MirrorNode, MirrorNodes } from '../support/mirror-nodes.ts';
import { openMirrorRegistries, PLATFORMS } from '../support/mirror-registries.ts';
import { CREDENTIALS, USER } from '../support/registry-user.ts';
import { containerdOf, writeMirrorHosts } from './support/mirror-hosts.ts';

t.setTimeout(600_000);

for (const line of ['1.6', '2'] as const) {
  t.test(`containerd ${line}`, async (t) => {
    if (!requireContainerd(t) || !requireTool(t, 'docker-registry', 'htpasswd', 'openssl')) return;
    const options = containerdOf(t, line);
    if (options === undefined) return;
    const registries = await openMirrorRegistries(t);
    const nodes = await MirrorNodes.open(t, registries);
    const first = await openHost(t, await nodes.node('first', 'seed', 'challenge'), options);
    const second = await openHost(t, await nodes.node('second', 'peer', 'challenge'), options);
    for (const registry of registries) {
      for (const architecture of PLATFORMS) {
        const wanted = registry.layers.get(architecture) ?? [];
        const imageBytes = wanted.reduce((sum, { size }) => sum + size, 0);
        const before = [nodes.bytesSent(registry.name), await movedBy(second)] as const;
        const pulled = { registry: registry.name, architecture, wanted };
        await pull(t, first, pulled);
        const between = nodes.bytesSent(registry.name);
        await pull(t, second, pulled);
        const moved = await movedBy(second);
        const figures = {
          toFirst: between - before[0],
          toSecond: nodes.bytesSent(registry.name) - between,
          fromFirst: moved.rack - before[1].rack,
          fromOrigin: moved.origin - before[1].origin,
        };
        const text = `${registry.name}, ${architecture}, ${imageBytes} bytes: ${JSON.stringify(figures)}`;
        t.ok(figures.toFirst >= imageBytes, text);
        // A host that has more to do than its processors can may ask the registry for some of it.
        t.ok(figures.toSecond < imageBytes / 4, 'the registry has sent little of it again');
        t.ok(figures.fromOrigin < imageBytes / 4, 'and the daemon says the same');
        t.ok(figures.fromFirst > (imageBytes * 3) / 4, 'the first host has given it');
      }
    }
    const { containerd, hosts } = second;
    const refused = await containerd.tryCtr([
      ...['images', 'pull', '--hosts-dir', hosts, '--user', `${USER}:wrong`],
      'basic.test/app/multi:v1',
    ]);
    t.not(refused.exitCode, 0, 'nobody gets from hosts what the registry refuses him');
  });
}

type Host = {
  readonly node: MirrorNode;
  readonly containerd: Containerd;
  /** Directory of `hosts.toml` files. */
  readonly hosts: string;
};

async function openHost(t: Test, node: MirrorNode, options: ContainerdOptions): Promise<Host> {
  const containerd = await startContainerd(t, options);
  return { node, containerd, hosts: writeMirrorHosts(t, node.host) };
}

async function movedBy({ node }: Host): Promise<PeerStatus['traffic']> {
  return (await node.peer()).traffic;
}

type Pulled = {
  readonly registry: string;
  readonly architecture: string;
  readonly wanted: readonly Descriptor[];
};

async function pull(
  t: Test,
  { node, containerd, hosts }: Host,
  { registry, architecture, wanted }: Pulled,
): Promise<void> {
  await containerd.ctr([
    ...['images', 'pull', '--hosts-dir', hosts, '--platform', `linux/${architecture}`],
    ...(registry === 'public.test' ? [] : ['--user', CREDENTIALS]),
    `${registry}/app/multi:v1`,
  ]);
  const { stdout } = await containerd.ctr(['content', 'ls', '-q']);
  const isThere = wanted.every(({ digest }) => stdout.includes(digest));
  t.ok(isThere, `${node.name} has all layers of ${registry}, ${architecture}`);
}
