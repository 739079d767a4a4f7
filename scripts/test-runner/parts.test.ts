/** What a part runs, and in which order. */
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import t from 'tap';
import { ALONE, EXTRA_PART_NAMES, LONGEST, PART_NAMES, planPart } from './parts.ts';

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

t.test('every test file of the checkout belongs to one part', async (t) => {
  const planned = [...PART_NAMES, ...EXTRA_PART_NAMES].flatMap((name) =>
    planPart(root, name, undefined).steps.flatMap((step) => (step.kind === 'tap' ? step.name : [])),
  );
  const found = globSync('**/*.{test,long}.ts', {
    cwd: root,
    exclude: (name) => name === 'node_modules' || name.startsWith('.'),
  });
  t.ok(found.length > 200, `${found.length} files`);
  t.same(planned.toSorted(), found.toSorted());
});

t.test('what measures runs alone', async (t) => {
  const steps = planPart(root, 'long', undefined).steps.filter(({ isAlone }) => isAlone === true);
  t.same(
    steps.map(({ name }) => name),
    ALONE,
  );
});

t.test('a filter', async (t) => {
  const { steps } = planPart(root, 'unit', 'rafs/test/verify');
  t.same(
    steps.map(({ name }) => name),
    ['packages/rafs/test/verify.test.ts'],
  );
});
