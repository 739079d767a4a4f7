/** A short, seeded slice of the fuzzing that `npm run fuzz` does at length. */
import t from 'tap';
import { collectTargets, fuzzTarget } from '../scripts/fuzzing/fuzz-run.ts';
import { mutate, seededRandom } from '../scripts/fuzzing/mutate.ts';

const SLICE_MS = 500;
const SEED = 20_261_128;
const PACKAGES = [
  'blob-store',
  'converter',
  'downloads',
  'linux',
  'node',
  'oci',
  'p2p-peer',
  'rafs',
  'registry-client',
  'registry-proxy',
  'snapshotter',
];

t.test('the same seed gives the same inputs', async (t) => {
  const inputs = [seededRandom(7), seededRandom(7)].map((random) =>
    Array.from({ length: 50 }, () => mutate(Buffer.from('a sample of some length'), random)),
  );
  t.same(inputs[0], inputs[1]);
});

const targets = await collectTargets();

t.test('every package that decodes has targets', async (t) => {
  const packages = new Set(targets.map(({ fullName }) => fullName.split('/')[0]));
  t.same([...packages].toSorted(), PACKAGES);
  for (const { fullName, samples } of targets) t.ok((await samples()).length > 0, fullName);
});

for (const target of targets) {
  t.test(target.fullName, async (t) => {
    const { rounds, finding } = await fuzzTarget(target, { milliseconds: SLICE_MS, seed: SEED });
    t.equal(finding?.problem, undefined, finding?.input.toString('base64').slice(0, 4000) ?? '');
    t.comment(`${rounds} inputs`);
  });
}
