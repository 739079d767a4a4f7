/**
 * A small slice of `dead-hosts.long.ts` for every run: small reads while a seed, a peer or a tracker is
 * dead, in each of the three ways. What it costs is told, and measured there.
 */
import { requireMounts, requireTool } from '@shoal/test-kit';
import t from 'tap';
import { readBesideTheDead } from '../support/dead-hosts.ts';

t.setTimeout(300_000);

t.test('small reads beside dead hosts', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  await readBesideTheDead(t, {
    ...{ peers: 1, reads: 4, pauseMs: 20, settleMs: 0 },
    cases: [
      { who: [], way: 'frozen' },
      { who: ['seed'], way: 'frozen' },
      { who: ['seed', 'tracker'], way: 'unreachable', isBefore: true },
      { who: ['peer'], way: 'killed' },
    ],
  });
});
