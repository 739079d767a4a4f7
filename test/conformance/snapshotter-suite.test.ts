/**
 * containerd's own snapshotter suites, of 1.6, 1.7 and 2.x, against `shoal snapshotter`: every case is
 * a sub-test. The programs are built by test/judges/build-containerd.sh.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  requireContainerdJudge,
  requireMounts,
  runCommand,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { parseGoResults } from './support/go-results.ts';

/** What the suite checks, in its own spelling. */
const CASES = [
  ...['Basic', 'StatActive', 'StatComitted', 'TransitivityTest', 'PreareViewFailingtest'],
  ...['Update', 'Remove', 'Walk', 'LayerFileupdate', 'RemoveDirectoryInLowerLayer', 'Chown'],
  ...['DirectoryPermissionOnCommit', 'RemoveIntermediateSnapshot', 'DeletedFilesInChildSnapshot'],
  ...['MoveFileFromLowerLayer', 'Rename', 'ViewReadonly', 'StatInWalk', 'CloseTwice'],
  ...['RootPermission', '128LayersMount'],
] as const;

const SUITES = [
  {
    line: '2',
    tests: ['TestDirectly', 'TestBelowMetadata'],
    skippedBySuite: [],
  },
  {
    line: '1.7',
    tests: ['TestDirectly'],
    skippedBySuite: [],
  },
  {
    line: '1.6',
    tests: ['TestDirectly'],
    // Its first line is a skip: overlay without redirect_dir renames no directory of a lower layer.
    skippedBySuite: ['TestDirectly/Rename'],
  },
] as const;

const TIMEOUT_MS = 300_000;

for (const { line, tests, skippedBySuite } of SUITES) {
  t.test(`the suite of containerd ${line}`, async (t) => {
    const judge = requireContainerdJudge(t, line);
    if (judge === undefined || !requireMounts(t)) return;
    const snapshotter = await startSnapshotter(t);
    const { stdout, stderr, exitCode } = await runCommand(
      judge.suite,
      ['-test.v', '-test.parallel', '1'],
      {
        env: {
          ...process.env,
          SNAPSHOTTER_SOCKET: snapshotter.socket,
          TMPDIR: temporaryDirectory(t),
        },
        timeoutMs: TIMEOUT_MS,
      },
    );
    const results = parseGoResults(stdout);
    const isExpectedSkip = (name: string) => skippedBySuite.some((skipped) => skipped === name);
    for (const { name, outcome, output } of results) {
      if (isExpectedSkip(name)) t.equal(outcome, 'SKIP', `${name}: skipped by the suite itself`);
      else t.equal(outcome, 'PASS', name, outcome === 'PASS' ? {} : { output });
    }
    const all = tests.flatMap((test) => CASES.map((name) => `${test}/${name}`));
    t.same(results.map(({ name }) => name).toSorted(), all.toSorted(), 'all cases were run');
    t.equal(
      exitCode,
      0,
      'the program agrees',
      exitCode === 0 ? {} : { stderr, log: snapshotter.log() },
    );
    const directories = join(snapshotter.root, 'snapshots');
    t.same(existsSync(directories) ? readdirSync(directories) : [], [], 'no directory is left');
  });
}
