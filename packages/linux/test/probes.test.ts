/** The probes behind `doctor`: all well on this machine, a clear reason where something is missing. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { mountOverlay } from '../src/mount/mount.ts';
import { probeHost } from '../src/probes.ts';
import { workDirectory } from './support/fixtures.ts';

t.setTimeout(120_000);

t.test('probes try, report and clean up', async (t) => {
  if (!requireMounts(t)) return;
  const directory = workDirectory(t);
  const results = await probeHost(directory);
  t.same(
    results.map(({ name, ok, remedy }) => ({ name, ok, remedy })),
    ['kernel', 'root', 'erofs-file', 'fuse-session', 'overlay', 'take-over'].map((name) => ({
      name,
      ok: true,
      remedy: undefined,
    })),
    JSON.stringify(results),
  );
  t.same(readdirSync(directory), []);
});

t.test('a directory on an overlay cannot hold images, and the probe says so', async (t) => {
  if (!requireMounts(t)) return;
  const directory = workDirectory(t);
  const path = (name: string) => join(directory, name);
  for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(path(name));
  const mountpoint = path('merged');
  mountOverlay({ lower: [path('lower')], upper: path('upper'), work: path('work'), mountpoint });
  const results = await probeHost(mountpoint);
  const erofs = results.find(({ name }) => name === 'erofs-file');
  t.match(erofs, { ok: false, detail: /ENOTBLK/, remedy: /ext4, xfs or btrfs/ });
  const absent = await probeHost(path('absent'));
  const tried = absent.filter(({ name }) => name !== 'kernel' && name !== 'root');
  t.ok(tried.every(({ ok, detail }) => !ok && /ENOENT/.test(detail)));
});
