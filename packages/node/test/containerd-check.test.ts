/** containerd's configuration: what is wrong is found, what to write is said, for 1.6, 1.7 and 2.x. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { checkContainerd } from '../src/containerd/check-containerd.ts';
import { decodeContainerdConfig } from '../src/containerd/containerd-config.ts';
import { readContainerdConfig } from '../src/containerd/containerd-files.ts';
import { decodeVersion } from '../src/containerd/containerd-socket.ts';
import { examineContainerd } from '../src/containerd/examine-containerd.ts';

const CONTEXT = { address: '/run/shoal/snapshotter.sock', root: '/var/lib/shoal' };

const PROXY = `[proxy_plugins.shoal]
type = "snapshot"
address = "/run/shoal/snapshotter.sock"`;

const GOOD_2 = `version = 2
${PROXY}
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "shoal"
disable_snapshot_annotations = false`;

const GOOD_3 = `version = 3
${PROXY}
[proxy_plugins.shoal.exports]
root = "/var/lib/shoal"
enable_remote_snapshot_annotations = "true"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "shoal"
disable_snapshot_annotations = false
[[plugins."io.containerd.transfer.v1.local".unpack_config]]
platform = "linux"
snapshotter = "shoal"`;

const RUNC_2 = `[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"`;

const LAZY_RUNTIME_3 = `[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.lazy]
snapshotter = "shoal"`;

type Case = {
  readonly what: string;
  readonly toml: string;
  readonly version?: string;
  /** Names of the findings that are not right. */
  readonly wrong: readonly string[];
  /** A line among those to write. */
  readonly write?: string;
};

const CASES: readonly Case[] = [
  { what: 'good, 1.6', toml: GOOD_2, version: '1.6.20', wrong: [] },
  { what: 'good, 1.7', toml: GOOD_2, version: '1.7.24', wrong: [] },
  { what: 'good, 2.1', toml: GOOD_3, version: '2.1.0', wrong: [] },
  { what: 'good, unknown version', toml: GOOD_3, wrong: [] },
  {
    what: 'an old file under 2.x: without runtimes its CRI table is not taken over',
    toml: GOOD_2,
    version: '2.0.4',
    wrong: ['proxy root', 'CRI snapshotter', 'CRI annotations', 'transfer unpack'],
    write: 'version = 3',
  },
  {
    what: 'an old file under 2.x: with runtimes it is',
    toml: `${GOOD_2}\n${RUNC_2}`,
    version: '2.0.4',
    wrong: ['proxy root', 'transfer unpack'],
    write: '  root = "/var/lib/shoal"',
  },
  {
    what: 'nothing written',
    toml: '',
    version: '1.6.20',
    wrong: ['configuration version', 'proxy plugin', 'CRI snapshotter', 'CRI annotations'],
    write: 'version = 2',
  },
  {
    what: 'a new file under an old containerd',
    toml: GOOD_3,
    version: '1.7.24',
    wrong: ['configuration version', 'CRI snapshotter', 'CRI annotations'],
    write: 'version = 2',
  },
  {
    what: 'another socket',
    toml: GOOD_2.replace('/run/shoal/', '/run/other/'),
    wrong: ['proxy plugin'],
    write: '  address = "/run/shoal/snapshotter.sock"',
  },
  {
    what: 'another type',
    toml: GOOD_2.replace('"snapshot"', '"content"'),
    wrong: ['proxy plugin'],
    write: '  type = "snapshot"',
  },
  {
    what: 'another name, and the CRI has it',
    toml: GOOD_2.replace('proxy_plugins.shoal', 'proxy_plugins.lazy').replace('"shoal"', '"lazy"'),
    wrong: [],
  },
  {
    what: 'CRI uses another snapshotter',
    toml: GOOD_2.replace('snapshotter = "shoal"', 'snapshotter = "overlayfs"'),
    wrong: ['CRI snapshotter'],
    write: '  snapshotter = "shoal"',
  },
  {
    what: 'the newest version of files',
    toml: GOOD_3.replace('version = 3', 'version = 4'),
    version: '2.4.2',
    wrong: [],
  },
  {
    what: 'a runtime of its own, and 1.6 knows no such thing',
    toml: `${GOOD_2.replace('snapshotter = "shoal"', '')}
${RUNC_2}
snapshotter = "shoal"`,
    version: '1.6.20',
    wrong: ['CRI snapshotter'],
  },
  {
    what: 'a runtime of its own under 2.x, and pulls do not know it',
    toml: `${GOOD_3.replace('snapshotter = "shoal"', '')}\n${LAZY_RUNTIME_3}`,
    version: '2.1.0',
    wrong: ['CRI snapshotter'],
  },
  {
    what: 'a runtime of its own under 2.x, for pulls, too',
    toml: `${GOOD_3.replace('snapshotter = "shoal"', '')}\n${LAZY_RUNTIME_3}
[plugins."io.containerd.cri.v1.images".runtime_platforms.lazy]
snapshotter = "shoal"`,
    version: '2.1.0',
    wrong: [],
  },
  {
    what: 'only one runtime uses it',
    toml: `${GOOD_2.replace('snapshotter = "shoal"', '')}
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.lazy]
snapshotter = "shoal"`,
    wrong: [],
  },
  {
    what: 'annotations are off',
    toml: GOOD_3.replace('annotations = false', 'annotations = true'),
    version: '2.1.0',
    wrong: ['CRI annotations'],
    write: '[plugins."io.containerd.cri.v1.images"]',
  },
  {
    what: 'layers are thrown away',
    toml: `${GOOD_2}\ndiscard_unpacked_layers = true`,
    wrong: ['CRI unpacked layers'],
    write: '  discard_unpacked_layers = false',
  },
  {
    what: 'no labels from the transfer service',
    toml: GOOD_3.replace(/enable_remote.*\n/, ''),
    version: '2.1.0',
    wrong: ['transfer annotations'],
    write: '  enable_remote_snapshot_annotations = "true"',
  },
  {
    what: 'before 2.1 those labels do not exist',
    toml: GOOD_3.replace(/enable_remote.*\n/, ''),
    version: '2.0.4',
    wrong: [],
  },
  {
    what: 'nobody unpacks',
    toml: GOOD_3.replace(/\[\[plugins.*$/s, ''),
    version: '2.1.0',
    wrong: ['transfer unpack'],
    write: '[[plugins."io.containerd.transfer.v1.local".unpack_config]]',
  },
  {
    what: 'layers without parents',
    toml: GOOD_3.replace('type = "snapshot"', 'type = "snapshot"\ncapabilities = ["rebase"]'),
    version: '2.2.0',
    wrong: ['capabilities'],
  },
  {
    what: 'without CRI nothing of it counts',
    toml: `disabled_plugins = ["io.containerd.grpc.v1.cri"]\nversion = 2\n${PROXY}`,
    version: '1.6.20',
    wrong: [],
  },
];

for (const { what, toml, version, wrong, write } of CASES) {
  t.test(what, (t) => {
    const file = join(temporaryDirectory(t), 'config.toml');
    writeFileSync(file, toml);
    const findings = checkContainerd(readContainerdConfig(file, version), { ...CONTEXT, version });
    const bad = findings.filter(({ ok }) => !ok);
    t.same(
      bad.map(({ name }) => name),
      wrong,
    );
    for (const finding of bad) t.ok(finding.remedy ?? finding.write, `${finding.name}: what to do`);
    if (write !== undefined) t.ok(bad.flatMap((finding) => finding.write ?? []).includes(write));
    t.end();
  });
}

t.test('what only kubelet needs is a warning, and nothing where there is no CRI', async (t) => {
  const withoutRoot = GOOD_3.replace('root = "/var/lib/shoal"\n', '');
  const file = join(temporaryDirectory(t), 'config.toml');
  writeFileSync(file, withoutRoot);
  const context = { ...CONTEXT, version: '2.1.0' };
  const bad = checkContainerd(readContainerdConfig(file, '2.1.0'), context).filter(({ ok }) => !ok);
  t.match(bad, [{ name: 'proxy root', isWarning: true, detail: /concerns kubelet only/ }]);
  t.equal(bad.length, 1);
  const others = CASES.flatMap(({ toml, version }) => {
    writeFileSync(file, toml);
    return checkContainerd(readContainerdConfig(file, version), { ...CONTEXT, version });
  });
  t.same(
    [...new Set(others.filter((each) => each.isWarning).map(({ name }) => name))],
    ['proxy root'],
  );
  writeFileSync(file, `disabled_plugins = ["io.containerd.grpc.v1.cri"]\n${withoutRoot}`);
  const none = checkContainerd(readContainerdConfig(file, '2.1.0'), context);
  t.notOk(none.some(({ name }) => name === 'proxy root'));
});

t.test('imports, files that do not decode, nothing there', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'config.toml');
  mkdirSync(join(directory, 'conf.d'));
  writeFileSync(
    file,
    'version = 2\nimports = ["conf.d/*.toml"]\n[proxy_plugins.other]\ntype = "diff"\n',
  );
  writeFileSync(join(directory, 'conf.d', 'shoal.toml'), GOOD_2);
  const config = readContainerdConfig(file);
  t.same(config.proxies.map(({ name }) => name).toSorted(), ['other', 'shoal']);
  t.ok(checkContainerd(config, { ...CONTEXT, version: undefined }).every(({ ok }) => ok));

  writeFileSync(file, 'version = = 2');
  const context = { ...CONTEXT, address: join(directory, 's.sock'), configFile: file };
  const nowhere = { ...context, containerdAddress: join(directory, 'none.sock') };
  const report = await examineContainerd(nowhere);
  t.match(report, { isWanted: true, isReady: false, version: undefined });
  t.match(report?.findings[0], { name: 'configuration', ok: false, detail: /cannot be read/ });
  t.end();
});

t.test('containerd is asked where its files have it listen', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'config.toml');
  const more = join(directory, 'more.toml');
  const table4 = '[plugins."io.containerd.server.v1.grpc"]';
  const cases = [
    ['version = 2', '', '/run/containerd/containerd.sock'],
    ['[grpc]\naddress = "/a.sock"', '', '/a.sock'],
    ['[grpc]\naddress = "/a.sock"', '[grpc]\naddress = "/b.sock"', '/b.sock'],
    ['[grpc]\naddress = "/a.sock"', '[grpc]\nuid = 1', '/a.sock'],
    [`version = 4\n${table4}\naddress = "/c.sock"`, '[grpc]\naddress = ""', '/c.sock'],
    [
      'grpc = 4',
      '[plugins]\n"io.containerd.server.v1.grpc" = 4',
      '/run/containerd/containerd.sock',
    ],
    ['version = = 2', '', '/run/containerd/containerd.sock'],
  ] as const;
  for (const [main, imported, address] of cases) {
    writeFileSync(file, `imports = ["more.toml"]\n${main}`);
    writeFileSync(more, imported);
    const report = await examineContainerd({ ...CONTEXT, configFile: file });
    t.equal(report?.address, address, main);
  }
});

t.test('strange values are not taken for what they are not', (t) => {
  const strange = {
    version: 'two',
    proxy_plugins: [1, 2],
    plugins: {
      'io.containerd.grpc.v1.cri': 7,
      'io.containerd.transfer.v1.local': { unpack_config: 3 },
    },
    disabled_plugins: 'cri',
    imports: 5,
  };
  t.match(decodeContainerdConfig(strange, false), { version: 1, proxies: [], unpackConfigs: [] });
  t.equal(decodeVersion(Buffer.from('\n\u0013v1.6.20~ds1-1+deb12', 'latin1')), '1.6.20');
  t.equal(decodeVersion(Buffer.from([])), undefined);
  t.end();
});
