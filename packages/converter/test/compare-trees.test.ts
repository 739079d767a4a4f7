/** Comparing trees: every kind of difference is found, and nothing else is. */
import t from 'tap';
import { compareTrees } from '../src/check/compare-trees.ts';
import { DifferenceList } from '../src/check/difference-list.ts';
import { DIFFERENCES_LISTED_MAX } from '../src/limits.ts';
import { hashedTree } from './support/hashed-tree.ts';
import { tarOf } from './support/tar-builder.ts';

type Spec = Parameters<typeof tarOf>[number];

const base: readonly Spec[] = [
  { name: './', type: 'directory' },
  { name: 'file', content: 'content', xattrs: { 'user.a': '1', 'user.b': '2' } },
  { name: 'link', type: 'hardlink', link: 'file' },
  { name: 'dir', type: 'directory' },
  { name: 'dir/inner', content: 'inner' },
  { name: 'sym', type: 'symlink', link: 'file' },
  { name: 'null', type: 'character', device: [1, 3] },
];

function compare(source: readonly Spec[], target: readonly Spec[]): string[] {
  const differences = new DifferenceList();
  compareTrees({
    source: hashedTree(tarOf(...source)),
    target: hashedTree(tarOf(...target)),
    chunkSize: 4096,
    differences,
  });
  return differences.listed.map(({ path, attribute }) => `${path} ${attribute}`);
}

/** The base with one entry changed, or left out. */
function changed(name: string, change: Partial<Spec> | undefined): Spec[] {
  return base.flatMap((spec) => {
    if (spec.name !== name) return [spec];
    return change === undefined ? [] : [{ ...spec, ...change }];
  });
}

t.test('equal trees are equal, whatever the order and number of layers', async (t) => {
  t.same(compare(base, base), []);
  const shuffled = [base[0], base[3], base[4], base[6], base[5], base[1], base[2]];
  t.same(
    compare(
      base,
      shuffled.flatMap((spec) => spec ?? []),
    ),
    [],
  );
});

t.test('each attribute', async (t) => {
  const cases: readonly (readonly [string, Partial<Spec> | undefined, string[]])[] = [
    ['file', { content: 'CONTENT' }, ['/file content']],
    ['file', { content: 'longer content' }, ['/file size']],
    ['file', { mode: 0o600 }, ['/file mode']],
    ['file', { uid: 7 }, ['/file owner']],
    ['file', { gid: 7 }, ['/file group']],
    ['file', { nanoseconds: 1 }, ['/file mtime']],
    ['file', { xattrs: { 'user.a': '1' } }, ['/file xattr user.b']],
    ['file', { xattrs: { 'user.a': '1', 'user.b': '3' } }, ['/file xattr user.b']],
    ['dir', { mtime: -5 }, ['/dir mtime']],
    ['./', { mode: 0o700 }, ['/ mode']],
    ['sym', { link: 'dir' }, ['/sym symlink target']],
    ['null', { device: [1, 5] }, ['/null device']],
    ['null', { type: 'block' }, ['/null type']],
    ['sym', undefined, ['/sym name']],
  ];
  for (const [name, change, expected] of cases) {
    t.same(compare(base, changed(name, change)), expected, `${name} ${JSON.stringify(change)}`);
    t.same(compare(changed(name, change), base), expected, 'the other way round');
  }
});

t.test('hard links: identity and count', async (t) => {
  const separate: Spec = { name: 'link', type: 'regular', content: 'content' };
  const target = changed('link', { ...base[1], ...separate });
  t.same(compare(base, target), ['/file link count', '/link hard link']);
  t.same(compare(target, base), ['/file link count', '/link hard link']);
  const crossed: Spec[] = [
    { name: 'a', content: 'x' },
    { name: 'b', content: 'x' },
  ];
  const one: Spec[] = [...crossed, { name: 'c', type: 'hardlink', link: 'a' }];
  const other: Spec[] = [...crossed, { name: 'c', type: 'hardlink', link: 'b' }];
  t.same(compare(one, other), ['/a link count', '/b link count', '/c hard link']);
});

t.test('a directory that is missing is reported once, its parent has fewer links', async (t) => {
  const target = base.filter(({ name }) => !String(name).startsWith('dir'));
  t.same(compare(base, target), ['/ link count', '/dir name']);
});

t.test('names are shown without control characters and told apart as bytes', async (t) => {
  const raw: Spec[] = [{ name: Buffer.from([0x61, 0xff, 0x0a]), content: 'x' }];
  t.same(compare(raw, []), ['/a\\xff\\n name']);
  const valid: Spec[] = [{ name: 'aÿ\n', content: 'x' }];
  t.equal(compare(raw, valid).length, 2);
});

t.test('all differences are counted, the first ones listed', async (t) => {
  const many = Array.from({ length: DIFFERENCES_LISTED_MAX + 5 }, (_, n) => ({ name: `f${n}` }));
  const differences = new DifferenceList();
  const trees = { source: hashedTree(tarOf(...many)), target: hashedTree(tarOf()) };
  compareTrees({ ...trees, chunkSize: 4096, differences });
  t.equal(differences.count, many.length);
  t.equal(differences.listed.length, DIFFERENCES_LISTED_MAX);
});
