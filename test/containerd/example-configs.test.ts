/** The example configurations are what containerd understands, and what `shoal doctor` asks for. */
import { join } from 'node:path';
import { requireContainerdJudge, requireTool, type TestScope } from '@shoal/test-kit';
import t from 'tap';
import { checkContainerd } from '../../packages/node/src/containerd/check-containerd.ts';
import { dumpContainerdConfig } from '../../packages/node/src/containerd/containerd-dump.ts';
import { readContainerdConfig } from '../../packages/node/src/containerd/containerd-files.ts';
import { root } from '../support/source-files.ts';

const EXAMPLES = [
  { file: 'config-1.x.toml', versions: ['1.6.20', '1.7.28'], program: debianContainerd },
  { file: 'config-2.x.toml', versions: ['2.0.5', '2.1.4', '2.4.2'], program: newContainerd },
] as const;

for (const { file, versions, program } of EXAMPLES) {
  t.test(file, async (t) => {
    const path = join(root, 'packaging/containerd', file);
    for (const version of versions) {
      t.same(complaints(readContainerdConfig(path, version), version), []);
    }
    const containerd = program(t);
    if (containerd === undefined) return;
    const asked = { configFile: path, version: undefined, program: containerd };
    const understood = await dumpContainerdConfig(asked);
    t.match(understood, {
      proxies: [{ name: 'shoal', type: 'snapshot', address: '/run/shoal/snapshotter.sock' }],
      cri: { snapshotter: 'shoal', disableSnapshotAnnotations: false },
    });
  });
}

function complaints(config: ReturnType<typeof readContainerdConfig>, version: string) {
  const context = { address: '/run/shoal/snapshotter.sock', root: '/var/lib/shoal', version };
  return checkContainerd(config, context).filter(({ ok }) => !ok);
}

function debianContainerd(t: TestScope): string | undefined {
  return requireTool(t, 'containerd') ? 'containerd' : undefined;
}

function newContainerd(t: TestScope): string | undefined {
  const judge = requireContainerdJudge(t, '2');
  return judge === undefined ? undefined : join(judge.directory, 'containerd');
}
