/** `shoal doctor` looks for containerd's socket where the configuration of the daemon has it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { mountWorld } from '../support/mounted-image.ts';
import { tryShoal } from '../support/shoal-command.ts';

type Finding = { readonly name: string; readonly ok: boolean };

t.test('a socket with a name of its own', async (t) => {
  if (!requireMounts(t)) return;
  const directory = temporaryDirectory(t);
  const address = join(directory, 'containerd.sock');
  const configFile = join(directory, 'config.toml');
  writeFileSync(configFile, `[snapshotter]\naddress = "${address}"\n`);
  const containerdConfig = join(directory, 'containerd.toml');
  const proxy = `[proxy_plugins.own]\ntype = "snapshot"\naddress = "${address}"\n`;
  writeFileSync(containerdConfig, `version = 2\n${proxy}`);
  const world = mountWorld(t, { configFile });
  await world.start();
  const { stdout } = await tryShoal(['doctor', '--json', '--containerd-config', containerdConfig], {
    env: world.daemon.env,
  });
  const report: { containerd: { findings: readonly Finding[] } } = JSON.parse(stdout);
  const found = new Map(report.containerd.findings.map(({ name, ok }) => [name, ok]));
  t.equal(found.get('proxy plugin'), true);
  t.equal(found.get('snapshotter socket'), true);
});
