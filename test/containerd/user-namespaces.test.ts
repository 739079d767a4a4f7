/**
 * Containers in a user namespace: the kernel maps the owners of files where containerd knows that the
 * snapshotter says how (2.x, capability `remap-ids`); elsewhere containerd changes them itself. 1.7 knows
 * the capability, but cannot mount what it asks for.
 */
import { chmodSync } from 'node:fs';
import t, { type Test } from 'tap';
import { removeEverything, runByCtr } from './support/containers.ts';
import { type Node, startNode } from './support/node.ts';

const MAPPING = '0:100000:65536';

const CASES = [
  { release: '1.6', capabilities: [] },
  { release: '1.7', capabilities: [] },
  { release: '2', capabilities: [] },
  { release: '2', capabilities: ['remap-ids'] },
] as const;

for (const { release, capabilities } of CASES) {
  t.test(`containerd ${release}, capabilities [${capabilities}]`, async (t) => {
    const node = await startNode(t, release, { capabilities });
    if (node === undefined) return;
    // The mapped root walks to its root file system.
    chmodSync(node.containerd.directory, 0o711);
    for (const image of [node.ordinary, node.converted]) await runMapped(t, node, image);
    await removeEverything(t, node.containerd, node.snapshotter);
  });
}

t.test('containerd 1.7 must not be told of remap-ids', async (t) => {
  const node = await startNode(t, '1.7', { capabilities: ['remap-ids'] });
  if (node === undefined) return;
  chmodSync(node.containerd.directory, 0o711);
  await t.rejects(runMapped(t, node, node.ordinary), /failed to mount.*invalid argument/);
  await removeEverything(t, node.containerd, node.snapshotter);
});

async function runMapped(t: Test, { containerd }: Node, image: string): Promise<void> {
  await containerd.client(['pull', image]);
  // ctr of 1.6 does not ask what a snapshotter can do: it gives labels, or changes owners.
  const labels = containerd.release === '1.6' ? [] : ['--remap-labels'];
  const script =
    'stat -c %u:%g / /data/changed; cat /data/changed; echo x > /data/new && stat -c %u /data/new; cat /proc/self/uid_map';
  const output = await runByCtr(containerd, image, {
    options: [...labels, '--uidmap', MAPPING, '--gidmap', MAPPING],
    command: ['sh', '-c', script],
  });
  const lines = output.trim().split('\n');
  t.same(
    lines.slice(0, 4),
    ['0:0', '1000:1000', 'changed', '0'],
    `${image}: owners as in the image`,
  );
  t.same(lines[4]?.trim().split(/\s+/), ['0', '100000', '65536'], 'in a user namespace');
}
