/** Where commands look for the daemon: options, environment, configuration. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { daemonPathsOf } from '../src/daemon-options.ts';
import { Output } from '../src/output.ts';

const output = new Output({ write: (_, callback) => callback() });
const contextWith = (env: NodeJS.ProcessEnv) => ({
  ...{ output, diagnostics: output, env, uid: 0 },
  ...{ signal: new AbortController().signal, finish: () => {} },
});

t.test('the directories that a configuration names', async (t) => {
  const config = join(temporaryDirectory(t), 'config.toml');
  writeFileSync(config, 'root = "/srv/shoal"\nrun = "/run/other"\n');
  t.match(await daemonPathsOf({ config }, contextWith({})), {
    root: '/srv/shoal',
    run: '/run/other',
    socket: '/run/other/shoal.sock',
  });
  t.match(await daemonPathsOf({ config, run: '/run/x' }, contextWith({ SHOAL_ROOT: '/srv/y' })), {
    root: '/srv/y',
    run: '/run/x',
  });
});

t.test('a file that was named has to be right', async (t) => {
  const config = join(temporaryDirectory(t), 'config.toml');
  await t.rejects(daemonPathsOf({ config }, contextWith({})), { code: 'ERR_NODE_CONFIG' });
  writeFileSync(config, 'rot = "/srv/shoal"');
  await t.rejects(daemonPathsOf({ config }, contextWith({})), { code: 'ERR_NODE_CONFIG' });
});
