/** The counts that decide whether a run is green. */
import t from 'tap';
import { summarizeTap } from './tap-summary.ts';

const counts = (text: string) => {
  const { passed, failed, skipped } = summarizeTap(text);
  return { passed, failed, skipped };
};

t.test('top-level tests count once, whatever they contain', async (t) => {
  const text = [
    'TAP version 14',
    '# Subtest: a',
    '    ok 1 - inner',
    '    not ok 2 - inner',
    '    1..2',
    'not ok 1 - a # time=11.591ms',
    'ok 2 - b # time=1ms',
    '1..2',
  ].join('\n');
  t.same(counts(text), { passed: 1, failed: 1, skipped: 0 });
});

t.test('a skip counts at any depth and brings its reason', async (t) => {
  const text = '    ok 1 - inner # SKIP no umoci\nok 1 - outer\nok 2 - other # SKIP: no root\n';
  t.same(counts(text), { passed: 1, failed: 0, skipped: 2 });
  t.same(summarizeTap(text).skips, ['inner: no umoci', 'other: no root']);
});

t.test('a file that skips itself as a whole', async (t) => {
  t.same(counts('1..0 # SKIP no kernel\n'), { passed: 0, failed: 0, skipped: 1 });
  t.same(counts('1..0 # no tests found\n'), { passed: 0, failed: 0, skipped: 1 });
});

t.test('a test that asserts nothing is as good as skipped', async (t) => {
  const text = [
    '# Subtest: full',
    '    ok 1 - asserted',
    '    # Subtest: empty',
    '        1..0',
    '    ok 2 - empty # time=1ms',
    '    1..2',
    'ok 1 - full # time=2ms',
    '1..1',
  ].join('\n');
  t.same(counts(text), { passed: 1, failed: 0, skipped: 1 });
  t.same(summarizeTap(text).skips, ['empty: it asserts nothing']);
});

t.test('what a diagnostic quotes is not counted', async (t) => {
  const text = 'not ok 1 - a\n  ---\n  source: |\n  ok 1 - b # SKIP quoted\nok 2 - c\n  ...\n';
  t.same(counts(text), { passed: 0, failed: 1, skipped: 0 });
});

t.test('a bail-out is a failure', async (t) => {
  t.same(counts('ok 1 - a\nBail out! no disk\n'), { passed: 1, failed: 1, skipped: 0 });
});
