/** kill -9 of the server under readers of every kind: each byte stays right. Quick version. */
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { listHolders } from '../src/holder/holder.ts';
import { workDirectory } from './support/fixtures.ts';
import { runTakeover } from './support/takeover-run.ts';

t.setTimeout(120_000);

t.test('readers survive the death of the server', async (t) => {
  if (!requireMounts(t)) return;
  const directory = workDirectory(t);
  const counts = await runTakeover(directory, [
    { dieAt: 'before-fill', after: 20 },
    { dieAt: 'after-taking', after: 0 },
    { dieAt: 'after-fill', after: 40 },
    { dieAt: 'never', after: 200 },
  ]);
  for (const reader of counts) {
    t.match(reader, { wrong: 0, errors: 0 }, JSON.stringify(reader));
    t.comment(JSON.stringify(reader));
    t.ok(reader.reads > 0, `${reader.kind} reads`);
  }
  t.same(listHolders(directory), [], 'no holder is left');
});
