/**
 * The bootstrap of a mount that survived its daemon is gone or was changed: no start can serve it, and
 * it keeps none from starting. Its readers get errors, and the status says why.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, runCommand } from '@shoal/test-kit';
import t from 'tap';
import { imageWorld, killDaemon } from '../support/image-world.ts';
import { digestBySha256sum, digestOfFile } from '../support/mounted-image.ts';
import { tryShoal } from '../support/shoal-command.ts';

t.setTimeout(300_000);

t.test('the only mount is damaged: the daemon starts, and says so', async (t) => {
  if (!requireMounts(t)) return;
  const { world, source, reference } = await imageWorld(t, { file: 700_000 });
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  await killDaemon(world);
  const file = join(mountpoint, 'file');
  const reading = runCommand('cat', [file], { timeoutMs: 240_000 });
  const images = join(world.daemon.root, 'images');
  for (const image of readdirSync(images)) rmSync(join(images, image, 'image.boot'));
  await world.start();
  const problem =
    /\/m: the state in .* is damaged: the bootstrap .* is missing or was changed; shoal unmount /;
  t.match(await world.status(), { mounts: [], problems: [problem] });
  t.match(await reading, { exitCode: 1, stderr: /Input\/output error/ });
  const { exitCode } = await tryShoal(['unmount', mountpoint], { env: world.daemon.env });
  t.equal(exitCode, 0);
  await world.mount({ reference, mountpoint });
  t.equal(await digestBySha256sum(file), digestOfFile(join(source, 'file')));
  t.match(await world.status(), { mounts: [{ mountpoint }], problems: [] });
});
