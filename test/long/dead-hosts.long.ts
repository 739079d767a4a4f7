/**
 * What a dead tracker, seed or peer costs a reader: real daemons in network namespaces, each role killed,
 * frozen and out of reach, beside reads while nobody is. Bytes are compared; times are only told.
 */
import { join } from 'node:path';
import { requireMounts, requireTool, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { buildRelease, unpackRelease } from '../support/built-release.ts';
import { type DeadCase, readBesideTheDead } from '../support/dead-hosts.ts';

t.setTimeout(1_800_000);

const ROLES = ['tracker', 'seed', 'peer'] as const;
const NOBODY = { who: [], way: 'frozen' } as const;
const one = (way: DeadCase['way']) => ROLES.map((role): DeadCase => ({ who: [role], way }));
const CASES: readonly DeadCase[] = [
  NOBODY,
  ...one('frozen'),
  ...one('unreachable'),
  { ...NOBODY, isBefore: true },
  { who: ROLES, way: 'frozen', isBefore: true },
  { who: ROLES, way: 'unreachable', isBefore: true },
  NOBODY,
  // They do not come back, so what follows has fewer hosts.
  ...one('killed').toReversed(),
];

t.test('a dead host beside small reads', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'docker-registry')) return;
  const directory = temporaryDirectory(t);
  const release = await buildRelease(join(directory, 'release'));
  const tree = await unpackRelease(release, join(directory, 'tree'));
  const program = join(tree, 'bin', 'shoal');
  const sizes = { peers: 3, reads: 24, pauseMs: 75, settleMs: 12_000 };
  await readBesideTheDead(t, { ...sizes, cases: CASES, program });
});
