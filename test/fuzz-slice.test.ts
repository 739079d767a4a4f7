/** A short, seeded slice of the fuzzing that `npm run fuzz` does at length. */
import t from 'tap';
import { collectTargets, fuzzTarget } from '../scripts/fuzzing/fuzz-run.ts';
import { mutate, seededRandom } from '../scripts/fuzzing/mutate.ts';

const SLICE_MS = 500;
const SEED = 20_261_128;

t.test('the same seed gives the same inputs', async (t) => {
  const inputs = [seededRandom(7), seededRandom(7)].map((random) =>
    Array.from({ length: 50 }, () => mutate(Buffer.from('a sample of some length'), random)),
  );
  t.same(inputs[0], inputs[1]);
});

for (const target of await collectTargets()) {
  t.test(target.fullName, async (t) => {
    const { rounds, finding } = await fuzzTarget(target, { milliseconds: SLICE_MS, seed: SEED });
    t.equal(finding?.problem, undefined, finding?.input.toString('base64').slice(0, 4000) ?? '');
    t.comment(`${rounds} inputs`);
  });
}
