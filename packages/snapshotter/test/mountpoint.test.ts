/** Mountpoints: system paths, pseudo file systems and the daemon's own directories are refused. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { checkMountpoint, isWithin } from '../src/mounts/mountpoint.ts';

const REFUSED = { code: 'ERR_SNAPSHOTTER_MOUNTPOINT' };

t.test('ordinary directories are fine, also ones that are not empty', async (t) => {
  const directory = temporaryDirectory(t);
  t.equal(await checkMountpoint(directory, []), directory);
  await writeFile(join(directory, 'file'), '');
  t.equal(await checkMountpoint(directory, []), directory);
});

t.test('system paths are refused, and what leads to them', async (t) => {
  for (const path of [
    '/',
    '/proc',
    '/proc/self',
    '/sys',
    '/dev',
    '/run',
    '/boot',
    '/etc',
    '/usr',
  ]) {
    await t.rejects(checkMountpoint(path, []), REFUSED, path);
  }
  for (const path of ['/usr/bin', '/bin', '/lib', '/var', '/var/lib', '/home', '/root', '/tmp']) {
    await t.rejects(checkMountpoint(path, []), REFUSED, path);
  }
  const directory = temporaryDirectory(t);
  const link = join(directory, 'link');
  await symlink('/etc', link);
  await t.rejects(checkMountpoint(link, []), { ...REFUSED, message: /it leads to \/etc/ });
});

t.test('what is no directory is refused with a reason', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  await writeFile(file, '');
  await t.rejects(checkMountpoint(file, []), { ...REFUSED, message: /not a directory/ });
  await t.rejects(checkMountpoint(join(file, 'below'), []), { ...REFUSED, message: /ENOTDIR/ });
  await t.rejects(checkMountpoint(join(directory, 'none'), []), {
    ...REFUSED,
    message: /does not exist/,
  });
  await t.rejects(checkMountpoint('relative', []), { ...REFUSED, message: /not absolute/ });
});

t.test("the daemon's own directories, what is in them and what they are in", async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'root');
  const inside = join(root, 'inside');
  await mkdir(inside, { recursive: true });
  for (const path of [root, inside, directory]) {
    await t.rejects(checkMountpoint(path, [root]), { ...REFUSED, message: /daemon itself/ }, path);
  }
});

t.test('isWithin compares whole names', (t) => {
  t.ok(isWithin('/a/b', '/a'));
  t.ok(isWithin('/a', '/a'));
  t.ok(isWithin('/a', '/'));
  t.notOk(isWithin('/ab', '/a'));
  t.end();
});
