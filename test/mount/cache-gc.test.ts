/** `shoal cache`: what no mount uses is listed, then removed; what mounts use stays and is checked. */
import { closeSync, existsSync, openSync, readdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';
import { runShoal, tryShoal } from '../support/shoal-command.ts';

t.test('gc and verify', async (t) => {
  if (!requireMounts(t)) return;
  // A disk that is fuller than this frees nothing by itself here.
  const configFile = join(temporaryDirectory(t), 'config.toml');
  writeFileSync(configFile, '[cache]\nhigh_percent = 100\nunused_days_max = 0\n');
  const world = mountWorld(t, { configFile });
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const mountpoints: string[] = [];
  for (const name of ['stays', 'goes']) {
    const source = join(world.directory, name);
    writeFiles(source, { file: 300_000 }, name);
    const reference = `${registry.host}/${name}:latest`;
    await convertDirectory(source, reference, 0x10000);
    const mountpoint = world.mountpoint(name);
    await world.mount({ reference, mountpoint });
    t.equal(await digestBySha256sum(join(mountpoint, 'file')), digestOfFile(join(source, 'file')));
    mountpoints.push(mountpoint);
  }
  const { env, root } = world.daemon;
  const cache = join(root, 'cache');
  const dataFiles = () => readdirSync(cache).filter((name) => name.endsWith('.blob.data'));
  t.equal(dataFiles().length, 2);
  t.match((await runShoal(['cache', 'gc', '--all'], { env })).stdout, /0 B freed, 0 blobs/);

  await runShoal(['unmount', mountpoints[1] ?? ''], { env });
  const dry = (await runShoal(['cache', 'gc', '--dry-run'], { env })).stdout;
  t.match(dry, /\(age\)\n {2}\d+(\.\d)? KiB would be freed, 1 blob/);
  t.equal(dataFiles().length, 2, 'nothing went');
  const [done] = JSON.parse((await runShoal(['cache', 'gc', '--json'], { env })).stdout);
  t.match(done, { directory: cache, blobs: [{ reason: 'age', isRemoved: false }] });
  t.ok(done.freedBytes >= 300_000);
  t.equal(dataFiles().length, 1);

  const [left = ''] = dataFiles();
  t.match((await runShoal(['cache', 'verify'], { env })).stdout, /5 chunks, 293\.0 KiB: sound/);
  const file = openSync(join(cache, left), 'r+');
  writeSync(file, 'damage', 70_000);
  closeSync(file);
  const damaged = await tryShoal(['cache', 'verify'], { env });
  t.equal(damaged.exitCode, 1);
  t.match(damaged.stdout, /5 chunks, 293\.0 KiB: 1 chunk damaged/);
  t.ok(existsSync(join(mountpoints[0] ?? '', 'file')));
});
