/** Somebody unmounts an image with umount(8): status says so, and shoal unmount forgets it. */
import { join } from 'node:path';
import { requireMounts, requireTool, runChecked } from '@shoal/test-kit';
import t from 'tap';
import { convertDirectory, mountWorld, writeFiles } from '../support/mounted-image.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

t.test('an image of a layout, unmounted by others', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'umount')) return;
  const world = mountWorld(t);
  const source = join(world.directory, 'source');
  writeFiles(source, { a: 10_000 });
  const reference = `oci:${join(world.directory, 'layout')}:image`;
  await convertDirectory(source, reference);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  await runChecked('cat', [join(mountpoint, 'a')]);
  const { env } = world.daemon;
  const mounted = await runShoal(['status'], { env });
  t.match(mounted.stdout, /fetched .* from disk/);
  t.notMatch(mounted.stdout, /problem:|from registry/);
  await runChecked('umount', [mountpoint]);
  const gone = await runShoal(['status'], { env });
  t.match(gone.stdout, new RegExp(`problem: ${mountpoint}: somebody unmounted it without shoal`));
  const forgotten = await tryShoal(['unmount', mountpoint], { env });
  t.equal(forgotten.exitCode, 0, forgotten.stderr);
  t.match((await runShoal(['status'], { env })).stdout, /nothing is mounted/);
  await runShoal(['drain'], { env });
});
