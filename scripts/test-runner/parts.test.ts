/** What a part runs, and in which order. */
import { resolve } from 'node:path';
import t from 'tap';
import { EXTRA_PART_NAMES, LONGEST, PART_NAMES, planPart } from './parts.ts';

const root = resolve(import.meta.dirname, '..', '..');

t.test('the longest come first, and are there', async (t) => {
  const planned = [...PART_NAMES, ...EXTRA_PART_NAMES].flatMap((name) => {
    const names = planPart(root, name, undefined).steps.map((step) => step.name);
    const longest = LONGEST.filter((file) => names.includes(file));
    t.same(names.slice(0, longest.length), longest, name);
    return longest;
  });
  t.same(planned, LONGEST);
});

t.test('a filter', async (t) => {
  const { steps } = planPart(root, 'unit', 'rafs/test/verify');
  t.same(
    steps.map(({ name }) => name),
    ['packages/rafs/test/verify.test.ts'],
  );
});
