/** What a directory takes: as `du` says, links once, trees of any size and depth, files that vanish. */
import { execFileSync, spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { diskUsage } from '../src/snapshots/disk-usage.ts';

/** The judge. */
function byDu(directory: string): { size: number; inodes: number } {
  const total = (flag: string) =>
    Number(execFileSync('du', ['-sx', flag, '--', directory], { encoding: 'utf8' }).split('\t')[0]);
  return { size: total('--block-size=1'), inodes: total('--inodes') };
}

t.test('small trees', async (t) => {
  const directory = temporaryDirectory(t);
  t.same(await diskUsage(directory), byDu(directory));
  mkdirSync(join(directory, 'a', 'b'), { recursive: true });
  writeFileSync(join(directory, 'a', 'file'), Buffer.alloc(100_000, 1));
  linkSync(join(directory, 'a', 'file'), join(directory, 'a', 'b', 'again'));
  symlinkSync('/nowhere', join(directory, 'link'));
  execFileSync('truncate', ['-s', '1G', join(directory, 'sparse')]);
  const usage = await diskUsage(directory);
  t.same(usage, byDu(directory));
  t.equal(usage.inodes, 6, 'a file with two names is one');
  t.ok(usage.size < 1 << 20, 'a hole takes nothing');
});

t.test('a large tree, and one deeper than path names can be', async (t) => {
  const directory = temporaryDirectory(t);
  for (let n = 0; n < 1500; n += 1) writeFileSync(join(directory, `f${n}`), 'x');
  const deep = 'for i in $(seq 40); do mkdir ddddd && cd ddddd || exit 1; done';
  const script = deep.replaceAll('ddddd', 'd'.repeat(200));
  t.equal(spawnSync('bash', ['-c', script], { cwd: directory }).status, 0);
  t.teardown(() => spawnSync('rm', ['-rf', '--', directory]));
  const usage = await diskUsage(directory);
  t.same(usage, byDu(directory));
  t.equal(usage.inodes, 1541);
  for (let n = 0; n < 1500; n += 1) rmSync(join(directory, `f${n}`));
  t.equal((await diskUsage(directory)).inodes, 41, 'few, and still too deep');
});

t.test('names that are not UTF-8', async (t) => {
  const directory = temporaryDirectory(t);
  const odd = Buffer.concat([Buffer.from(`${directory}/`), Buffer.of(0xe9, 0x2e)]);
  mkdirSync(odd);
  writeFileSync(Buffer.concat([odd, Buffer.from('/file')]), 'x');
  t.same(await diskUsage(directory), byDu(directory));
});

t.test('a directory that is not there', async (t) => {
  const missing = diskUsage(join(temporaryDirectory(t), 'none'));
  await t.rejects(missing, { code: 'ERR_SNAPSHOTTER_SNAPSHOT_DIRECTORY' });
});

t.test('files that go away while they are counted', async (t) => {
  const directory = temporaryDirectory(t);
  for (let n = 0; n < 300; n += 1) writeFileSync(join(directory, `f${n}`), 'x');
  const counted = diskUsage(directory);
  for (let n = 0; n < 300; n += 1) rmSync(join(directory, `f${n}`));
  const { inodes } = await counted;
  t.ok(inodes >= 1 && inodes <= 301, `${inodes}`);
});
