/** A slice of the long test of the same name: 200 failing requests leave nothing behind. */
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { testFailingReads } from '../support/failing-reads.ts';

t.setTimeout(300_000);

t.test('two hundred failing requests leave nothing behind', async (t) => {
  if (requireMounts(t)) await testFailingReads(t, { requests: 200 });
});
