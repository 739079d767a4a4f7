/** A daemon's metrics while an image is mounted and read: on the control socket and on TCP. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { requireMounts, requireTool, runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import {
  convertDirectory,
  digestBySha256sum,
  digestOfFile,
  mountWorld,
  writeFiles,
} from '../support/mounted-image.ts';

t.test('metrics tell what a reader cost', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'curl')) return;
  const configFile = join(temporaryDirectory(t), 'config.toml');
  writeFileSync(configFile, '[metrics]\naddress = "127.0.0.1:0"\n');
  const world = mountWorld(t, { configFile });
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const source = join(world.directory, 'source');
  writeFiles(source, { a: 300_000, b: 500_000 });
  const reference = `${registry.host}/secret-name:latest`;
  await convertDirectory(source, reference, 0x10000);
  const mountpoint = world.mountpoint('m');
  await world.mount({ reference, mountpoint });
  t.equal(await digestBySha256sum(join(mountpoint, 'a')), digestOfFile(join(source, 'a')));

  const { run } = world.daemon;
  const socket = join(run, 'shoal.sock');
  const curl = ['-sf', '--unix-socket', socket, 'http://shoal/metrics'];
  const text = (await runChecked('curl', curl)).stdout;
  const value = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    );
  t.equal(value('shoal_mounts{driver="blobfs"}'), 1);
  t.ok(value('shoal_fetched_bytes_total{source="registry",cause="demand"}') > 0);
  t.ok(value('shoal_miss_duration_seconds_count{outcome="served"}') > 0);
  t.ok(value('shoal_read_bytes_total{source="registry"}') > 0);
  t.ok(value('shoal_cache_bytes') >= 300_000);
  t.ok(value('shoal_driver_reads_total{driver="blobfs",outcome="miss"}') > 0);
  t.notMatch(text, /secret-name|127\.0\.0\.1/, 'no names in labels');

  const lines = readFileSync(join(run, 'shoal.log'), 'utf8').trim().split('\n');
  const served = lines
    .map((line) => JSON.parse(line))
    .find(({ event }) => event === 'metrics-served');
  const answer = await runChecked('curl', ['-sf', `http://${served.address}/metrics`]);
  t.match(answer.stdout, /shoal_mounts\{driver="blobfs"\} 1/);
});
