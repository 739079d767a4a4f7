/**
 * A small slice of `many-peers.long.ts` for every run: hosts in network namespaces of their own. How
 * often the registry is asked depends on how busy the machine is; it is told, and measured there.
 */
import { requireMounts, requireTool } from '@shoal/test-kit';
import t from 'tap';
import { cutHalfOff } from '../support/cut-off.ts';
import { pullTogether } from '../support/pull-together.ts';
import { killAll, startTogether } from '../support/start-together.ts';
import { startInZones } from '../support/zones-together.ts';

t.setTimeout(300_000);

/** Longer than hosts that cannot be reached are left out at first. */
const CUT_MS = 6000;
const network = { megabits: 1000, egressTimesMax: undefined };
const image = { ...network, files: 4, fileBytes: 2_000_000 };

t.test('hosts start one image together', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  await startTogether(t, { ...image, hosts: 3, seeds: 1 });
});

t.test('the tracker and the seed are killed while they read', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  await startTogether(t, {
    ...{ ...image, hosts: 2, seeds: 1, trackers: 1 },
    meanwhile: ({ seeds, trackers }) => killAll([...trackers, ...seeds]),
  });
});

t.test('one of the hosts has a slow link', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  const slow = { hosts: 1, megabits: 10 };
  await startTogether(t, { ...image, fileBytes: 1_000_000, hosts: 3, seeds: 1, slow });
});

t.test('half of the hosts is cut off for a while', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  const hosts = 4;
  await startTogether(t, { ...image, files: 8, hosts, seeds: 2, ...cutHalfOff(hosts, CUT_MS) });
});

t.test('hosts of two zones have one image each from the registry', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  // Twice: homes that a busy machine keeps from answering are left for the registry.
  const zones = { zones: 2, racks: 2, delayMs: 5, timesMax: 2 };
  await startInZones(t, { ...image, hosts: 4, seeds: 2, trackers: 1 }, zones);
});

t.test('hosts pull one image together that nobody has converted', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'skopeo')) return;
  await pullTogether(t, { ...network, hosts: 3, seeds: 1, layers: 3, layerBytes: 2_000_000 });
});
