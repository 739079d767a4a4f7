/** What erofs-utils, an independent reader of EROFS, makes of our bootstraps. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openBootstrap } from '@shoal/rafs';
import { requireRoot, requireTool, runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { datalessImage, everythingImage } from './support/sample-images.ts';

t.test('fsck.erofs accepts and extracts an image', async (t) => {
  if (!requireTool(t, 'fsck.erofs') || !requireRoot(t)) return;
  const directory = temporaryDirectory(t);
  const { bootstrap, blob } = everythingImage();
  const image = join(directory, 'image');
  const device = join(directory, 'device');
  const target = join(directory, 'extracted');
  writeFileSync(image, bootstrap);
  writeFileSync(device, blob.device());
  await runChecked('fsck.erofs', [`--device=${device}`, `--extract=${target}`, image]);
  t.equal(readFileSync(join(target, 'a'), 'utf8'), 'hello world');
  t.same(readFileSync(join(target, 'large')), Buffer.alloc(10_000, 'large '));
  // It drops setuid and extracts hard links as copies, so only the rest is compared.
  const { stdout } = await runChecked('stat', ['-c', '%n %f %u:%g %h', 'c', 'd', 'nested'], {
    cwd: target,
  });
  t.same(stdout.trim().split('\n'), [
    'c 21a4 0:0 1',
    'd 61a4 100000:200000 1',
    'nested 41ed 0:0 3',
  ]);
});

t.test('dump.erofs sees the device', async (t) => {
  if (!requireTool(t, 'dump.erofs')) return;
  const directory = temporaryDirectory(t);
  const { bootstrap, blob } = everythingImage();
  const image = join(directory, 'image');
  const device = join(directory, 'device');
  writeFileSync(image, bootstrap);
  writeFileSync(device, blob.device());
  const { stdout } = await runChecked('dump.erofs', ['-s', `--device=${device}`, image]);
  t.match(stdout, /root nid: +128/);
  t.match(stdout, new RegExp(`inode count: +${openBootstrap(bootstrap).superblock.inodeCount}\\b`));
});

t.test('fsck.erofs accepts an image without data', async (t) => {
  if (!requireTool(t, 'fsck.erofs')) return;
  const image = join(temporaryDirectory(t), 'image');
  writeFileSync(image, datalessImage().bootstrap);
  t.match(await runChecked('fsck.erofs', [image]), { exitCode: 0 });
});
