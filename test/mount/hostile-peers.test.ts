/**
 * A small slice of `many-peers.long.ts` for every run: hosts that are believed, and do harm. Whatever
 * they do, all others read every byte right.
 */
import { requireMounts, requireTool } from '@shoal/test-kit';
import t from 'tap';
import { startAmongLiars, startUnderFlood } from '../support/hostile-together.ts';

t.setTimeout(300_000);

const image = { files: 6, fileBytes: 3_000_000, megabits: 1000, egressTimesMax: undefined };

t.test(
  'hosts that say they hold everything send other bytes, refuse, or never answer',
  async (t) => {
    if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
    await startAmongLiars(t, { ...image, hosts: 2, seeds: 1, trackers: 1 });
  },
);

t.test('a host floods all others', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  await startUnderFlood(t, { ...image, hosts: 2, seeds: 1 }, 4);
});
