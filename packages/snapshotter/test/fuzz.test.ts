/** Every decoder takes a small share of what the fuzz runner does for longer. */
import { fuzzShortly } from '@shoal/test-kit';
import t from 'tap';
import { fuzzTargets } from './fuzz-targets.ts';

for (const target of fuzzTargets) {
  t.test(target.name, async (t) => {
    await fuzzShortly(target);
    t.pass('every input is decoded or refused with a coded error');
  });
}
