/** No daemon leaves a core file: one would hold pull secrets and the key that seals them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { mountWorld } from '../support/mounted-image.ts';
import { root } from '../support/source-files.ts';

/** The soft and the hard limit. */
function coreLimits(pid: number): readonly string[] {
  const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
  return /^Max core file size +(\S+) +(\S+)/m.exec(limits)?.slice(1) ?? [];
}

t.test('one that a command starts alone', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t);
  const { pid } = await (await world.start()).ping();
  t.same(coreLimits(pid), ['0', '0']);
});

t.test('one that has a supervisor, and the one after it', async (t) => {
  if (!requireMounts(t)) return;
  const world = mountWorld(t, { isSupervised: true });
  const { pid: first } = await (await world.start()).ping();
  t.same(coreLimits(first), ['0', '0']);
  process.kill(first, 'SIGKILL');
  let second = first;
  await until('the next one answers', async () => {
    second = (await world.client.ping().catch(() => undefined))?.pid ?? first;
    return second !== first;
  });
  t.same(coreLimits(second), ['0', '0']);
});

t.test('those of the units', async (t) => {
  for (const name of ['shoal-node', 'shoal-snapshotter']) {
    const unit = readFileSync(join(root, 'packaging', 'systemd', `${name}.service`), 'utf8');
    t.match(unit, /^LimitCORE=0$/m, name);
  }
});
