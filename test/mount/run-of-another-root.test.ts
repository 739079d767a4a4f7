/** A daemon of another root takes nothing away from mounts that wait in the same run directory. */
import { join } from 'node:path';
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { imageWorld, killDaemon } from '../support/image-world.ts';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { tryShoal } from '../support/shoal-command.ts';

t.setTimeout(300_000);

t.test('another root is refused while mounts wait', async (t) => {
  if (!requireMounts(t)) return;
  const { world, source, reference } = await imageWorld(t, { file: 700_000 });
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  await killDaemon(world);
  const waiting = digestBySha256sum(join(mountpoint, 'file'));
  const { root, run, env } = world.daemon;
  const other = join(world.directory, 'other');
  const refused = await tryShoal(['node', '--root', other, '--run', run], { env });
  t.equal(refused.exitCode, 1);
  t.ok(refused.stderr.includes(`${run} is in use for the mounts of ${root}`), refused.stderr);
  t.ok(refused.stderr.includes(other), 'both are named');
  await world.start();
  t.equal(await waiting, digestOfFile(join(source, 'file')));
  t.match(await world.status(), { problems: [], mounts: [{ mountpoint }] });
});
