/**
 * Twenty hosts, each in a network namespace with a link of its own, mount one image at the same time
 * and read all of it: every byte right, and what leaves the registry is about what one host needs.
 * Then the same while a third of them is killed, while the seeds are, and the trackers with them,
 * while the network is cut and joined again, beside slow hosts and hostile ones; and the same by pulls
 * of an image that nobody has converted.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireMounts, requireTool, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { buildRelease, unpackRelease } from '../support/built-release.ts';
import { cutHalfOff } from '../support/cut-off.ts';
import { startAmongLiars, startUnderFlood } from '../support/hostile-together.ts';
import { pullTogether } from '../support/pull-together.ts';
import {
  type Asserting,
  killAll,
  startTogether,
  type TogetherOptions,
} from '../support/start-together.ts';
import { startInZones } from '../support/zones-together.ts';

t.setTimeout(3_500_000);

const HOSTS = Number(process.env['SHOAL_PEER_HOSTS'] ?? 20);
const common = {
  hosts: HOSTS,
  seeds: 2,
  trackers: 2,
  megabits: 1000,
  files: 16,
  fileBytes: 4_000_000,
} as const;

/** As hosts run it: a checkout takes as much of the processors to start as the test itself. */
const directory = temporaryDirectory(t);
const release = await buildRelease(join(directory, 'release'));
const program = join(await unpackRelease(release, join(directory, 'tree')), 'bin', 'shoal');

function together(
  name: string,
  options: Partial<TogetherOptions>,
  start: (t: Asserting, options: TogetherOptions) => Promise<void> = startTogether,
): void {
  t.test(name, async (t) => {
    if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
    await start(t, { ...common, program, egressTimesMax: undefined, ...options });
  });
}

together(`${HOSTS} hosts start one image together`, { egressTimesMax: 1.2 });

together(`${HOSTS} hosts of two zones start one image together`, {}, (t, options) =>
  startInZones(t, options, { zones: 2, racks: 3, delayMs: 5, timesMax: 1.3 }),
);

together('a third of the hosts is killed while the others read', {
  readersKilled: Math.floor(HOSTS / 3),
});

together('the seeds are killed while they read', {
  meanwhile: async ({ seeds }) => {
    await sleep(1000);
    await killAll(seeds);
  },
});

together('trackers and seeds are killed while they read', {
  meanwhile: async ({ seeds, trackers }) => {
    await sleep(1000);
    await killAll([...trackers, ...seeds]);
  },
});

together('half of the hosts is cut off for a while', cutHalfOff(HOSTS, 10_000));

together('two hosts have slow links', { slow: { hosts: 2, megabits: 10 } });

// What they spoil is read again through its home; on a busy machine some of it by readers themselves.
together(
  'hosts that say they hold everything send other bytes, refuse, or never answer',
  { egressTimesMax: 1.4 },
  startAmongLiars,
);

together('a host floods all others', {}, (t, options) => startUnderFlood(t, options, 4));

t.test(`${HOSTS} hosts pull one image together that nobody has converted`, async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'skopeo')) return;
  const image = { layers: 8, layerBytes: 8_000_000, egressTimesMax: 1.2 };
  await pullTogether(t, { ...common, program, ...image });
});
