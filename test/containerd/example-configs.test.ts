/** The example configurations are what containerd understands, and what `shoal doctor` asks for. */
import { join } from 'node:path';
import t from 'tap';
import { checkContainerd } from '../../packages/node/src/containerd/check-containerd.ts';
import { dumpContainerdConfig } from '../../packages/node/src/containerd/containerd-dump.ts';
import { readContainerdConfig } from '../../packages/node/src/containerd/containerd-files.ts';
import { root } from '../support/source-files.ts';
import { containerdProgram } from './support/releases.ts';

const EXAMPLES = [
  { file: 'config-1.x.toml', versions: ['1.6.20', '1.7.35'], releases: ['1.6', '1.7'] },
  { file: 'config-2.x.toml', versions: ['2.0.5', '2.1.4', '2.4.2'], releases: ['2'] },
] as const;

for (const { file, versions, releases } of EXAMPLES) {
  t.test(file, async (t) => {
    const path = join(root, 'packaging/containerd', file);
    for (const version of versions) {
      t.same(complaints(readContainerdConfig(path, version), version), []);
    }
    for (const release of releases) {
      const program = containerdProgram(t, release);
      if (program === undefined) return;
      const asked = { configFile: path, version: undefined, program };
      const understood = await dumpContainerdConfig(asked);
      const wanted = {
        proxies: [{ name: 'shoal', type: 'snapshot', address: '/run/shoal/snapshotter.sock' }],
        cri: { snapshotter: 'shoal', disableSnapshotAnnotations: false },
      };
      t.match(understood, wanted, `as ${release} understands it`);
    }
  });
}

function complaints(config: ReturnType<typeof readContainerdConfig>, version: string) {
  const context = { address: '/run/shoal/snapshotter.sock', root: '/var/lib/shoal', version };
  return checkContainerd(config, context).filter(({ ok }) => !ok);
}
