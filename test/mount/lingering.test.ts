/**
 * Images that are unmounted lazily while somebody reads, with a killed daemon in between: the reader
 * goes on to its end, and no daemon stays for files that nobody has open.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { killDaemon } from '../support/image-world.ts';
import {
  convertDirectory,
  digestOfFile,
  type MountWorld,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { isAlive, mountsBelow } from '../support/own-daemon.ts';
import { holdOpen } from '../support/slow-reader.ts';

const FILES = { one: 600_000, two: 600_000, three: 600_000 };

async function prepared(t: Parameters<typeof mountWorld>[0]) {
  const world = mountWorld(t);
  const source = join(world.directory, 'source');
  writeFiles(source, FILES);
  const reference = `oci:${join(world.directory, 'image')}:latest`;
  await convertDirectory(source, reference, 0x10000);
  return { world, source, reference };
}

async function restart(world: MountWorld): Promise<void> {
  await killDaemon(world);
  await world.start();
}

t.setTimeout(540_000);

t.test('what was open before a daemon took over does not count against a reader', async (t) => {
  if (!requireMounts(t)) return;
  const { world, source, reference } = await prepared(t);
  const [before, after] = [world.mountpoint('before'), world.mountpoint('after')];
  await world.mount({ reference, mountpoint: before });
  await world.mount({ reference, mountpoint: after });
  const early = await holdOpen(t, join(before, 'one'));
  await world.client.unmount({ mountpoint: before, isLazy: true });
  await restart(world);
  t.equal(await early.digest(), digestOfFile(join(source, 'one')), 'of an image without a record');
  const late = await holdOpen(t, join(after, 'two'));
  await world.client.unmount({ mountpoint: after, isLazy: true });
  // The kernel has closed the files of the first image: the successor never saw them opened.
  const { pid } = await world.client.ping();
  const drained = await world.client.drain({ isLazy: true });
  t.match(drained, { busy: [], lingering: 1 });
  t.equal(await late.digest(), digestOfFile(join(source, 'two')), 'read after the takeover');
  await until('the daemon has ended', () => !isAlive(pid));
  t.same(mountsBelow(world.directory), []);
});

t.test('a daemon that nobody needs ends, however often it was killed', async (t) => {
  if (!requireMounts(t)) return;
  const { world, reference } = await prepared(t);
  for (let round = 0; round < 3; round += 1) {
    const mountpoints = ['a', 'b', 'c'].map((name) => world.mountpoint(`${name}-${round}`));
    for (const mountpoint of mountpoints.slice(0, 2)) await world.mount({ reference, mountpoint });
    await restart(world);
    await world.mount({ reference, mountpoint: mountpoints[2] ?? '' });
    const file = await open(join(mountpoints[0] ?? '', 'three'));
    await file.close();
    await world.client.unmount({ mountpoint: mountpoints[1] ?? '' });
    const { pid } = await world.client.ping();
    t.match(await world.client.drain({ isLazy: true }), { busy: [], lingering: 0 });
    await until('the daemon has ended', () => !isAlive(pid));
  }
});
