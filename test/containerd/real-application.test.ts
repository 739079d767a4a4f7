/**
 * A real program of a Debian image below containerd 1.6 and 2.x, pulled as CRI does: it starts and works
 * with less than a fifth of the bytes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { buildDebianLayout } from '../support/debian-image.ts';
import { runShoal } from '../support/shoal-command.ts';
import { pushLayout } from './support/busybox-image.ts';
import { containerName, removeEverything } from './support/containers.ts';
import { startNode } from './support/node.ts';
import { OUTER_RELEASES } from './support/releases.ts';

const PROGRAM = `
import json, sqlite3
db = sqlite3.connect(":memory:")
db.execute("create table t (n integer)")
db.executemany("insert into t values (?)", [(n,) for n in range(1000)])
print(json.dumps(dict(zip(("sum", "count"), db.execute("select sum(n), count(*) from t").fetchone()))))
`;
const OUTPUT = '{"sum": 499500, "count": 1000}\n';

type Descriptor = { readonly digest: string; readonly size: number };

/** Of the only image of a layout. */
function layerBytes(layout: string): number {
  const read = (path: string) => JSON.parse(readFileSync(join(layout, path), 'utf8'));
  const { manifests }: { manifests: Descriptor[] } = read('index.json');
  const path = `blobs/${manifests[0]?.digest.replace(':', '/')}`;
  const { layers }: { layers: Descriptor[] } = read(path);
  return layers.reduce((sum, { size }) => sum + size, 0);
}

for (const release of OUTER_RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    if (!requireTool(t, 'mmdebstrap')) return;
    const node = await startNode(t, release);
    if (node === undefined) return;
    const { containerd, registry, snapshotter } = node;
    const layout = await buildDebianLayout(join(temporaryDirectory(t), 'layout'));
    const image = `${registry.host}/test/debian`;
    await pushLayout(layout, `${image}:plain`);
    await runShoal(['convert', '--source', `${image}:plain`, '--target', `${image}:lazy`]);
    const before = registry.blobBytesSent();
    await containerd.client(['pull', `${image}:lazy`]);
    const run = ['run', `${image}:lazy`, containerName(), '/usr/bin/python3', '-c', PROGRAM];
    t.equal((await containerd.client(run)).stdout, OUTPUT);
    const sent = registry.blobBytesSent() - before;
    const total = layerBytes(layout);
    t.ok(sent < total / 5, `${sent} of ${total} bytes`);
    await removeEverything(t, containerd, snapshotter);
  });
}
