/**
 * A small slice of `many-peers.long.ts` for every run: hosts in network namespaces of their own. How
 * often the registry is asked depends on how busy the machine is; it is told, and measured there.
 */
import { requireMounts, requireTool } from '@shoal/test-kit';
import t from 'tap';
import { startTogether } from '../support/start-together.ts';

t.setTimeout(300_000);

const image = { files: 4, fileBytes: 2_000_000, megabits: 1000, egressTimesMax: undefined };

t.test('hosts start one image together', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  await startTogether(t, { ...image, hosts: 3, seeds: 1 });
});

t.test('the seed is killed while they read', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  await startTogether(t, {
    ...{ ...image, hosts: 2, seeds: 1 },
    meanwhile: async ({ seeds }) => {
      for (const { program } of seeds) await program.stop('SIGKILL');
    },
  });
});
