/**
 * The same commit gives the same release, wherever its tree lies and whatever the builder's settings
 * are; and the release for arm64 has no part that is for another processor.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool, runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { isElf, parseElf } from '../../scripts/release/elf-file.ts';
import { listFiles } from '../../scripts/release/list-files.ts';
import { buildRelease, unpackRelease } from '../support/built-release.ts';
import { root } from '../support/source-files.ts';

const BUILD_MS_MAX = 1_200_000;

t.test('two trees, two builders, the same bytes', async (t) => {
  if (!requireTool(t, 'git', 'dpkg-deb')) return;
  const directory = temporaryDirectory(t);
  const sums: string[] = [];
  const builders = [
    { name: 'first', umask: '022', env: { TZ: 'UTC', LC_ALL: 'C' } },
    { name: 'a/second/one', umask: '077', env: { TZ: 'Asia/Tokyo', LC_ALL: 'C.UTF-8' } },
  ];
  for (const { name, umask, env } of builders) {
    const tree = await copyTree(join(directory, name));
    const script = `umask ${umask}; exec "$0" scripts/release.ts --out "$1"`;
    const out = join(directory, `out-${umask}`);
    await runChecked('sh', ['-euc', script, process.execPath, out], {
      cwd: tree,
      env: { ...process.env, ...env },
      timeoutMs: BUILD_MS_MAX,
    });
    sums.push(readFileSync(join(out, 'SHA256SUMS.x64'), 'utf8'));
  }
  t.equal(sums[1], sums[0]);
  t.equal(sums[0]?.trim().split('\n').length, 3);
});

t.test('arm64', async (t) => {
  if (!requireTool(t, 'npm', 'dpkg-deb')) return;
  const directory = temporaryDirectory(t);
  const release = await buildRelease(join(directory, 'dist'), ['--arch', 'arm64']);
  const unpacked = await unpackRelease(release, join(directory, 'unpacked'));
  const files = listFiles(unpacked).map((file) => join(unpacked, file));
  const elfFiles = files.map((file) => readFileSync(file)).filter(isElf);
  t.equal(elfFiles.length, 4, 'Node and three native parts');
  for (const bytes of elfFiles) t.equal(parseElf(bytes).machine, 'arm64');
  const { stdout } = await runChecked('dpkg-deb', [
    '--field',
    release.file('.deb'),
    'Architecture',
  ]);
  t.equal(stdout.trim(), 'arm64');
});

/** What is committed, with the packages that are installed. */
async function copyTree(target: string): Promise<string> {
  mkdirSync(join(target, '..'), { recursive: true });
  await runChecked('git', ['clone', '--quiet', '--no-hardlinks', root, target]);
  for (const directory of [
    '.',
    ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}`),
  ]) {
    const modules = join(root, directory, 'node_modules');
    await runChecked('sh', [
      '-euc',
      '[ ! -d "$0" ] || cp -al "$0" "$1" 2> /dev/null || cp -a "$0" "$1"',
      modules,
      join(target, directory, 'node_modules'),
    ]);
  }
  return target;
}
