/** EROFS over plain device files: many devices, direct I/O, overlays, busy unmounts. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { MountBusyError, NotMountedError } from '../src/errors.ts';
import { mountErofs, mountOverlay, unmount } from '../src/mount/mount.ts';
import { isMountpoint, listMounts } from '../src/mount/mount-table.ts';
import { whoUses } from '../src/mount/mount-users.ts';
import { encodeTinyErofs, wholeDeviceFile } from '../src/tiny-erofs.ts';
import { patternBytes, workDirectory } from './support/fixtures.ts';

t.setTimeout(120_000);

t.test('an image with 200 devices mounts and every device is read', async (t) => {
  if (!requireMounts(t)) return;
  const directory = workDirectory(t);
  const count = 200;
  const devices: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const path = join(directory, `device-${'x'.repeat(index + 30)}-${index}`);
    writeFileSync(path, patternBytes(index, 0, 8192));
    devices.push(path);
  }
  const files = devices.map((_, index) => wholeDeviceFile(`f${index}`, 0o644, 8000, index + 1));
  const metadataFile = join(directory, 'metadata');
  writeFileSync(
    metadataFile,
    encodeTinyErofs(
      files,
      devices.map(() => 2),
    ),
  );
  const mountpoint = join(directory, 'mnt');
  mkdirSync(mountpoint);
  const { directIo } = mountErofs({ metadataFile, devices, mountpoint });
  t.ok(directIo, 'directio works over plain files');
  for (let index = 0; index < count; index += 1) {
    const bytes = readFileSync(join(mountpoint, `f${index}`));
    if (!bytes.equals(patternBytes(index, 0, 8000))) t.fail(`f${index} differs`);
  }
  const entry = listMounts().find((mount) => mount.mountpoint === mountpoint);
  t.match(entry, { fileSystem: 'erofs', options: ['ro', 'nosuid', 'nodev'] });
  t.throws(() => mountErofs({ metadataFile, devices: devices.slice(1), mountpoint }), {
    code: 'ERR_LINUX_MOUNT_FAILED',
  });
  t.throws(() => mountErofs({ metadataFile: '/proc/version', devices: [], mountpoint }), {
    code: 'ERR_LINUX_MOUNT_FAILED',
  });
  unmount(mountpoint);
  t.notOk(isMountpoint(mountpoint));
  t.throws(() => unmount(mountpoint), NotMountedError);
  t.throws(() => unmount(join(directory, 'absent')), NotMountedError);
});

t.test('an overlay on top is writable, and the image below stays as it was', async (t) => {
  if (!requireMounts(t)) return;
  const directory = workDirectory(t);
  const device = join(directory, 'device');
  writeFileSync(device, patternBytes(7, 0, 4096));
  const metadataFile = join(directory, 'metadata');
  writeFileSync(metadataFile, encodeTinyErofs([wholeDeviceFile('f', 0o644, 4096, 1)], [1]));
  const [lower, upper, work, mountpoint] = ['lower', 'upper', 'work', 'm, n:o'].map((name) => {
    mkdirSync(join(directory, name));
    return join(directory, name);
  });
  if (lower === undefined || upper === undefined || work === undefined) return;
  if (mountpoint === undefined) return;
  mountErofs({ metadataFile, devices: [device], mountpoint: lower });
  mountOverlay({ lower: [lower], upper, work, mountpoint, flags: { nosuid: true } });
  writeFileSync(join(mountpoint, 'f'), 'changed');
  writeFileSync(join(mountpoint, 'new'), 'new');
  t.equal(readFileSync(join(mountpoint, 'f'), 'utf8'), 'changed');
  t.ok(readFileSync(join(lower, 'f')).equals(patternBytes(7, 0, 4096)));
  t.equal(readFileSync(join(upper, 'new'), 'utf8'), 'new');
  t.throws(() => mountOverlay({ lower: [], mountpoint }), { code: 'ERR_LINUX_MOUNT_FAILED' });
  unmount(mountpoint);
  unmount(lower);
});

t.test('unmounting a busy mount names who is busy', async (t) => {
  if (!requireMounts(t)) return;
  const directory = workDirectory(t);
  const device = join(directory, 'device');
  writeFileSync(device, patternBytes(1, 0, 4096));
  const metadataFile = join(directory, 'metadata');
  writeFileSync(metadataFile, encodeTinyErofs([wholeDeviceFile('f', 0o644, 4096, 1)], [1]));
  const mountpoint = join(directory, 'mnt');
  mkdirSync(mountpoint);
  mountErofs({ metadataFile, devices: [device], mountpoint });
  const child = spawn('/bin/sh', ['-c', 'exec 5<f; echo ready; read line'], {
    cwd: mountpoint,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const users = whoUses(mountpoint);
  t.match(users, [{ pid: child.pid, uses: ['cwd', 'file'] }]);
  t.match(users[0]?.command, /sh -c/);
  try {
    unmount(mountpoint);
    t.fail('it was busy');
  } catch (error) {
    t.ok(error instanceof MountBusyError);
    t.match(String(error), new RegExp(`${mountpoint} is busy: pid ${child.pid} `));
  }
  unmount(mountpoint, { lazy: true });
  t.notOk(isMountpoint(mountpoint));
  child.stdin.end('\n');
  await once(child, 'exit');
});
