/**
 * What `shoal doctor` says of a configuration is what containerd makes of it: its findings are the same
 * from our reading of the files as from `containerd config dump` of the real programs, and they are
 * right where a file means less than it seems to.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { checkContainerd } from '../../packages/node/src/containerd/check-containerd.ts';
import { dumpContainerdConfig } from '../../packages/node/src/containerd/containerd-dump.ts';
import { readContainerdConfig } from '../../packages/node/src/containerd/containerd-files.ts';
import { containerdProgram, RELEASES } from './support/releases.ts';

const PROXY = `[proxy_plugins.shoal]
type = "snapshot"
address = "/run/shoal/snapshotter.sock"
[proxy_plugins.shoal.exports]
root = "/var/lib/shoal"
enable_remote_snapshot_annotations = "true"`;
const CRI_2 = `[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "shoal"
disable_snapshot_annotations = false`;
const RUNC_2 = `[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"`;
const CRI_3 = `[plugins."io.containerd.cri.v1.images"]
snapshotter = "shoal"
disable_snapshot_annotations = false`;
const UNPACK = `[[plugins."io.containerd.transfer.v1.local".unpack_config]]
platform = "linux"
snapshotter = "shoal"`;
const RUNTIME_3 = `[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.lazy]
runtime_type = "io.containerd.runc.v2"
snapshotter = "shoal"`;

type Case = {
  /** By file name; `config.toml` is the one containerd is given. */
  readonly files: Readonly<Record<string, string>>;
  /** Findings that are not right, by containerd. */
  readonly wrong: { readonly '1.x'?: readonly string[]; readonly '2'?: readonly string[] };
};

const one = (...parts: readonly string[]) => ({ 'config.toml': parts.join('\n') });
const CRI = ['CRI snapshotter', 'CRI annotations'];

const CASES: Readonly<Record<string, Case>> = {
  'version 2, no runtimes: 2.x does not take CRI over': {
    files: one('version = 2', PROXY, CRI_2),
    wrong: { '1.x': [], '2': [...CRI, 'transfer unpack'] },
  },
  'version 2 with runtimes': {
    files: one('version = 2', PROXY, CRI_2, RUNC_2, UNPACK),
    wrong: { '1.x': [], '2': [] },
  },
  'version 2: layers are thrown away, which 2.x reads with runtimes only': {
    files: one('version = 2', PROXY, `${CRI_2}\ndiscard_unpacked_layers = true`, UNPACK),
    wrong: { '1.x': ['CRI unpacked layers'], '2': CRI },
  },
  'version 2 with runtimes: layers are thrown away': {
    files: one('version = 2', PROXY, `${CRI_2}\ndiscard_unpacked_layers = true`, RUNC_2, UNPACK),
    wrong: { '1.x': ['CRI unpacked layers'], '2': ['CRI unpacked layers'] },
  },
  'version 2: the old table wins over a new one': {
    files: one('version = 2', PROXY, CRI_2, RUNC_2, CRI_3.replace('"shoal"', '"native"'), UNPACK),
    wrong: { '1.x': [], '2': [] },
  },
  'version 2 with the tables of 3': {
    files: one('version = 2', PROXY, CRI_3, UNPACK),
    wrong: { '1.x': CRI, '2': [] },
  },
  'version 3': { files: one('version = 3', PROXY, CRI_3, UNPACK), wrong: { '2': [] } },
  'version 4': { files: one('version = 4', PROXY, CRI_3, UNPACK), wrong: { '2': [] } },
  'version 3 with the tables of 2': {
    files: one('version = 3', PROXY, CRI_2, UNPACK),
    wrong: { '2': CRI },
  },
  'version 3: pulls by the transfer service, and annotations on': {
    files: one('version = 3', PROXY, `${CRI_3}\nuse_local_image_pull = false`, UNPACK),
    wrong: { '2': [] },
  },
  'a runtime of its own that pulls do not know': {
    files: one('version = 3', PROXY, CRI_3.replace(/snap.*\n/, ''), UNPACK, RUNTIME_3),
    wrong: { '2': ['CRI snapshotter'] },
  },
  'imports that import, and a table in two files': {
    files: {
      'config.toml': `version = 3\nimports = ["conf.d/*.toml"]\n${CRI_3.replace(/\ndis.*/, '')}`,
      'conf.d/a.toml': `version = 3\nimports = ["more/proxy.toml"]\n${UNPACK}`,
      'conf.d/b.toml':
        'version = 3\n[plugins."io.containerd.cri.v1.images"]\ndisable_snapshot_annotations = false',
      'conf.d/more/proxy.toml': `version = 3\n${PROXY}`,
    },
    wrong: { '2': [] },
  },
  'an import takes the place of a whole table of 1.x': {
    files: {
      'config.toml': `version = 2\nimports = ["more.toml"]\n${PROXY}\n${CRI_2}`,
      'more.toml':
        'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd]\ndiscard_unpacked_layers = false',
    },
    wrong: { '1.x': CRI },
  },
};

const VERSIONS = { '1.6': '1.6.20', '1.7': '1.7.35', '2': '2.4.2' } as const;
const CONTEXT = { address: '/run/shoal/snapshotter.sock', root: '/var/lib/shoal' };

for (const [name, { files, wrong }] of Object.entries(CASES)) {
  t.test(name, async (t) => {
    const directory = temporaryDirectory(t);
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, file)), { recursive: true });
      writeFileSync(join(directory, file), text);
    }
    const configFile = join(directory, 'config.toml');
    for (const release of RELEASES) {
      const expected = wrong[release === '2' ? '2' : '1.x'];
      if (expected === undefined) continue;
      const program = containerdProgram(t, release);
      if (program === undefined) continue;
      const version = VERSIONS[release];
      const context = { ...CONTEXT, version };
      const dumped = await dumpContainerdConfig({ configFile, version, program });
      if (dumped === undefined) throw new Error(`containerd ${release} dumps nothing`);
      const wrongOf = (config: typeof dumped) =>
        checkContainerd(config, context)
          .filter(({ ok }) => !ok)
          .map((finding) => finding.name);
      t.same(wrongOf(dumped), expected, `what ${release} has understood`);
      t.same(wrongOf(readContainerdConfig(configFile, version)), expected, `for ${release}, read`);
    }
  });
}
