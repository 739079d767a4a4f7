/** The parts of the test suite: which programs each runs, and how many at a time. */
import { existsSync, globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

/** One program to run: a test file, or a checker. */
export type Step = {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
  /** A checker counts as one test by its exit code; a test file is counted by its TAP. */
  readonly kind: 'checker' | 'tap';
  /** Nothing runs beside it: what it measures would be of the others. @default false */
  readonly isAlone?: boolean;
};

export type Part = {
  readonly name: string;
  readonly jobs: number;
  readonly steps: readonly Step[];
};

/** Names of the parts in the order in which they run when none is named. */
export const PART_NAMES = ['check', 'unit', 'integration', 'mount', 'containerd'] as const;
/** Parts that run only when they are named. */
export const EXTRA_PART_NAMES = ['long'] as const;

export type PartName = (typeof PART_NAMES)[number] | (typeof EXTRA_PART_NAMES)[number];

export function isPartName(text: string): text is PartName {
  return [...PART_NAMES, ...EXTRA_PART_NAMES].some((name) => name === text);
}

const PATTERNS = {
  unit: ['packages/*/test/**/*.test.ts', 'scripts/**/*.test.ts'],
  /** Against other programs, and slices of what is long. */
  integration: ['test/*.test.ts', 'test/interop/**/*.test.ts', 'test/long/**/*.test.ts'],
  mount: ['test/mount/**/*.test.ts'],
  containerd: ['conformance', 'containerd', 'release'].map((name) => `test/${name}/**/*.test.ts`),
  long: ['test/**/*.long.ts', 'packages/*/test/**/*.long.ts'],
} as const;

/** The checkers use every processor by themselves. */
const ONE_AT_A_TIME: readonly PartName[] = ['check'];

/** The longest of their parts start first, so that no part ends with one of them alone. */
export const LONGEST = [
  'packages/cli/test/command-line.test.ts',
  'packages/cli/test/convert.test.ts',
  'packages/snapshotter/test/snapshot-crash.test.ts',
  'packages/snapshotter/test/repair-flips.test.ts',
  'packages/p2p-peer/test/store-crash.test.ts',
  'packages/registry-proxy/test/blobs.test.ts',
  'test/interop/debian-image.test.ts',
  'test/interop/reads-nydus-builder.test.ts',
  'test/interop/mirrored-copies.test.ts',
  'test/interop/mirrored-logins.test.ts',
  'test/interop/proxied-nydusd.test.ts',
  'test/bench-slice.test.ts',
  'test/long/memory.test.ts',
  'test/mount/standard-clients.test.ts',
  'test/mount/peer-network.test.ts',
  'test/mount/daemon-life.test.ts',
  'test/mount/hostile-peers.test.ts',
  'test/mount/faults.test.ts',
  'test/mount/upgrade.test.ts',
  'test/mount/restart.test.ts',
  'test/mount/many.test.ts',
  'test/mount/gets.test.ts',
  'test/mount/second-supervisor.test.ts',
  'test/mount/lazy-snapshots.test.ts',
  'test/mount/clock-jumps.test.ts',
  'test/release/release.test.ts',
  'test/release/chart-pods.test.ts',
  'test/containerd/registry-faults.test.ts',
  'test/containerd/killed-snapshotter.test.ts',
  'test/containerd/pull-secrets.test.ts',
  'test/containerd/mirrored-pulls.test.ts',
  'test/containerd/shared-pulls.test.ts',
  'test/containerd/restarts.test.ts',
  'test/containerd/nerdctl.test.ts',
  'test/conformance/snapshotter-suite.test.ts',
  'test/long/snapshotter-soak.long.ts',
  'test/long/mount-cycles.long.ts',
];

/** They run after all others of their part, one by one. */
export const ALONE = ['test/long/many-peers.long.ts'];

/** Builds a part; `filter` keeps only the test files whose path contains it. */
export function planPart(root: string, name: PartName, filter: string | undefined): Part {
  if (name === 'check') return { name, jobs: 1, steps: planChecks(root) };
  const files = PATTERNS[name]
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((file) => !file.includes('node_modules/'))
    .filter((file) => filter === undefined || file.includes(filter))
    .toSorted((a, b) => orderOf(a) - orderOf(b) || (a < b ? -1 : 1));
  return {
    name,
    jobs: ONE_AT_A_TIME.includes(name) ? 1 : Math.max(2, availableParallelism()),
    steps: files.map((file) => ({
      name: file,
      command: process.execPath,
      arguments: ['--disable-warning=ExperimentalWarning', file],
      kind: 'tap',
      isAlone: ALONE.includes(file),
    })),
  };
}

function orderOf(file: string): number {
  const at = LONGEST.indexOf(file);
  return at === -1 ? LONGEST.length : at;
}

function planChecks(root: string): Step[] {
  const checks: Step[] = [
    { name: 'tsc', command: bin(root, 'tsc'), arguments: ['--noEmit'], kind: 'checker' },
    { name: 'biome', command: bin(root, 'biome'), arguments: ['check', '.'], kind: 'checker' },
  ];
  const generator = 'scripts/gen-docs.ts';
  if (existsSync(join(root, generator))) {
    checks.push({
      name: 'generated docs',
      command: process.execPath,
      arguments: [generator, '--check'],
      kind: 'checker',
    });
  }
  return checks;
}

function bin(root: string, name: string): string {
  return join(root, 'node_modules', '.bin', name);
}
