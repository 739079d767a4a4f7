/** Ten thousand failing requests through one daemon leave nothing behind. */
import { requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { testFailingReads } from '../support/failing-reads.ts';

t.setTimeout(1_800_000);

t.test('ten thousand failing requests leave nothing behind', async (t) => {
  if (requireMounts(t))
    await testFailingReads(t, { requests: 10_000, residentGrowthBytesMax: 64 << 20 });
});
