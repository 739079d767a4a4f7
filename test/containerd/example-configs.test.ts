/** The example configurations are what containerd understands, and what `shoal doctor` asks for. */
import { join } from 'node:path';
import { requireContainerdJudge, requireTool, runChecked, type TestScope } from '@shoal/test-kit';
import { parse } from 'smol-toml';
import t from 'tap';
import { checkContainerd } from '../../packages/node/src/containerd/check-containerd.ts';
import {
  decodeContainerdConfig,
  readContainerdConfig,
} from '../../packages/node/src/containerd/containerd-config.ts';
import { root } from '../support/source-files.ts';

const EXAMPLES = [
  { file: 'config-1.x.toml', versions: ['1.6.20', '1.7.28'], program: debianContainerd },
  { file: 'config-2.x.toml', versions: ['2.0.5', '2.1.4', '2.4.2'], program: newContainerd },
] as const;

for (const { file, versions, program } of EXAMPLES) {
  t.test(file, async (t) => {
    const path = join(root, 'packaging/containerd', file);
    for (const version of versions) t.same(complaints(readContainerdConfig(path), version), []);
    const containerd = program(t);
    if (containerd === undefined) return;
    const { stdout } = await runChecked(containerd, ['--config', path, 'config', 'dump']);
    const understood = decodeContainerdConfig(parse(stdout));
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
