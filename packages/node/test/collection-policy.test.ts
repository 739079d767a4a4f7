/** Which unused blobs go, and why: age, watermarks of the cache and of its disk. */
import t from 'tap';
import { type CollectionPolicy, condemn } from '../src/cache/collection-policy.ts';

const NOW = 1_000_000;
/** Ages, in the order in which they go. */
const blob = (key: string, age: number, bytes = 10, isRemoved = false) => {
  return { key, bytes, lastUseMs: NOW - age, isRemoved };
};
const UNUSED = [
  blob('removed', 1, 10, true),
  blob('old', 900),
  blob('middle', 500),
  blob('new', 10),
];
const NONE: CollectionPolicy = {
  ...{ highBytes: undefined, lowBytes: undefined, unusedMsMax: undefined },
  ...{ highPercent: undefined, lowPercent: undefined },
};
const FACTS = { bytes: 100, diskBytes: 1000, diskFreeBytes: 100, nowMs: NOW };

const CASES: readonly [string, Partial<CollectionPolicy>, readonly string[]][] = [
  ['nothing asked', {}, []],
  ['below every mark', { highBytes: 100, highPercent: 90 }, []],
  ['age', { unusedMsMax: 400 }, ['old age', 'middle age']],
  ['cache size, to the mark', { highBytes: 85 }, ['removed cache size', 'old cache size']],
  [
    'cache size, to the low mark',
    { highBytes: 95, lowBytes: 75 },
    ['removed cache size', 'old cache size', 'middle cache size'],
  ],
  [
    'disk use, to the low mark',
    { highPercent: 89.5, lowPercent: 88 },
    ['removed disk use', 'old disk use'],
  ],
  ['age frees enough', { unusedMsMax: 400, highBytes: 85 }, ['old age', 'middle age']],
  [
    'everything, and it is not enough',
    { highBytes: 1 },
    ['removed cache size', 'old cache size', 'middle cache size', 'new cache size'],
  ],
];

for (const [what, policy, expected] of CASES) {
  t.test(what, (t) => {
    const condemned = condemn(UNUSED, FACTS, { ...NONE, ...policy });
    t.same(
      condemned.map(({ key, reason }) => `${key} ${reason}`),
      expected,
    );
    t.end();
  });
}
