/** Every decoder takes a small share of what the fuzz runner does for longer. */
import { fuzzShortly } from '@shoal/test-kit';
import t from 'tap';
import { fuzzTargets } from './fuzz-targets.ts';

for (const target of fuzzTargets) {
  t.test(target.name, async (t) => {
    // Whole bootstraps are walked inode by inode.
    const { refused, rounds } = await fuzzShortly(target, target.name === 'every-inode' ? 20 : 400);
    t.ok(refused > 0 && refused < rounds, `${refused} of ${rounds} refused: both ways are taken`);
  });
}
