/** What of a test's output are figures. */
import t from 'tap';
import { tapComments } from './tap-comments.ts';

t.test('comments of tests at any depth, none of tap itself', async (t) => {
  const text = [
    'TAP version 14',
    '# Subtest: a',
    '    # peak 205 MiB, 3.2 s',
    '    ok 1 - inner # time=1ms',
    '    1..1',
    'ok 1 - a # time=2ms',
    '# after all',
    '1..1',
    '# { total: 1, pass: 1 }',
    '# time=3ms',
  ].join('\n');
  t.same(tapComments(text), ['peak 205 MiB, 3.2 s', 'after all']);
});
