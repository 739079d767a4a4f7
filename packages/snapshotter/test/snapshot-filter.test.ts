/** containerd's filter grammar: what matches, what is refused, what is bounded. */
import t from 'tap';
import {
  type FieldReader,
  matchesAny,
  parseFilters,
  selectionOf,
  snapshotFields,
} from '../src/snapshots/snapshot-filter.ts';
import { type Snapshot, snapshotId } from '../src/snapshots/snapshot-record.ts';

type Entry = { name: string; other?: string; labels?: Record<string, string> };

/** The entries containerd tries its filters on, in other words. */
const ENTRIES: readonly Entry[] = [
  { name: 'foo', labels: { foo: 'true' } },
  { name: 'bar' },
  { name: 'foo', labels: { foo: 'present', 'more complex label': 'present' } },
  { name: 'bar', labels: { bar: 'true' } },
  { name: 'fooer', labels: { 'a label with \\ and "': 'present' } },
  { name: 'fooer', labels: { 'a label with \\ and ".post': 'present' } },
  { name: 'baz', other: 'too complex, yo' },
  { name: 'bazo', other: 'abc' },
  { name: 'compound', labels: { foo: 'omg_asdf.asdf-qwer' } },
];
const ALL = [...ENTRIES.keys()];

function fieldsOf({ name, other, labels = {} }: Entry): FieldReader {
  return ([first, ...rest]) => {
    if (first === 'name') return name;
    if (first === 'other') return other;
    return first === 'labels' ? labels[rest.join('.')] : undefined;
  };
}

function matching(...filters: string[]): number[] {
  const parsed = parseFilters(filters);
  return ALL.filter((index) => matchesAny(parsed, fieldsOf(ENTRIES[index] ?? { name: '' })));
}

const CASES: readonly (readonly [string, readonly number[]])[] = [
  ['', ALL],
  ['name', ALL],
  ['nothing', []],
  ['labels.foo', [0, 2, 8]],
  ['labels.foo,name', [0, 2, 8]],
  ['labels.foo==true', [0]],
  ['labels."foo"==true', [0]],
  ['"labels".foo=="true"', [0]],
  ['labels.foo==omg_asdf.asdf-qwer', [8]],
  ['name==bar', [1, 3]],
  ['name == bar', [1, 3]],
  ['  name==bar', [1, 3]],
  ['name!=bar', [0, 2, 4, 5, 6, 7, 8]],
  ['other!=abc', [0, 1, 2, 3, 4, 5, 6, 8]],
  ['name==bar,labels.bar', [3]],
  ['other=="too complex, yo"', [6]],
  ['other~=[abc]+,name!=foo', [6, 7]],
  ['other~=/[abc]+/,name!=foo', [6, 7]],
  ['other~=|[abc]{1,2}|,name!=foo', [6, 7]],
  ['other~="^abc$"', [7]],
  ['other~=^$,name~=^ba.$', [1, 3]],
  ['other~=/[abc]{0,1}"\\//,name!=foo', []],
  ['name==bar,labels.bar==true', [3]],
  ['name==bar,labels.bar==wrong', []],
  ['name==foo,labels."more complex label"', [2]],
  ['labels."a label with \\\\ and \\""==present', [4]],
  ['labels."a label with \\\\ and \\"".post==present', [5]],
  ['name=="\\x66\\157\\u006f"', [0, 2]],
  ['name==a=b', []],
  ['name~=(', []],
  ['name~=(?i)FOO', [0, 2, 4, 5]],
  ['name~=/(?P<x>b)a[rz]$/', [1, 3, 6]],
  ['name~=/\\\\Afoo\\\\z/', [0, 2]],
];

t.test('what matches', async (t) => {
  for (const [filter, expected] of CASES) t.same(matching(filter), expected, filter);
  t.same(matching(), ALL, 'no filter at all');
  t.same(matching('name==bar', 'name==baz'), [1, 3, 6], 'one of several is enough');
  t.same(matching('name==bar', ''), ALL);
});

t.test('what is refused', async (t) => {
  const wrong = [
    ['labels.|foo|==x', 8, 'this quote is not allowed here'],
    ['name==/x/', 7, 'this quote is not allowed here'],
    ['labels.?"x".post==y', 8, 'a field or a quoted text is expected'],
    ['name==foo,', 11, 'a field is expected'],
    ['labels.', 8, 'a field is expected'],
    ['image~=,id?=?fbaq', 8, 'a value is expected'],
    ['name==', 7, 'a value is expected'],
    ['labels.ns/key==value', 10, 'the quoted text does not end'],
    ['labels.key==/value', 13, 'the quoted text does not end'],
    ['labels."a\nb"==x', 8, 'the quoted text does not end'],
    ['labels."\\g"', 8, 'the quoted text has a wrong escape'],
    ['labels."\\xaz"', 8, 'the quoted text has a wrong escape'],
    ['labels."\\U00110000"', 8, 'the quoted text has a wrong escape'],
    ['labels."\\400"', 8, 'the quoted text has a wrong escape'],
    ['name=x', 5, '==, != or ~= is expected'],
    ['name===x', 5, '==, != or ~= is expected'],
    ['name foo', 6, '==, != or ~= is expected'],
    ['name==foo bar', 10, 'unexpected text'],
    ['name==foo ', 10, 'unexpected text'],
    ['name==x\0', 8, 'unexpected text'],
    ['name\0', 5, 'a character is not allowed'],
    ['.name', 1, 'a field is expected'],
    ['=', 1, 'a field is expected'],
    ['name,,labels.x', 6, 'a field is expected'],
  ] as const;
  for (const [filter, at, detail] of wrong) {
    t.throws(() => parseFilters([filter]), {
      code: 'ERR_SNAPSHOTTER_SNAPSHOT_FILTER',
      message: new RegExp(`${detail.replace(/[?]/g, '\\?')} at position ${at}$`),
    });
  }
});

t.test('filters are bounded', async (t) => {
  const code = 'ERR_SNAPSHOTTER_SNAPSHOT_REQUEST';
  t.throws(() => parseFilters(Array.from({ length: 257 }, () => 'name')), { code });
  t.throws(() => parseFilters([`name==${'x'.repeat(40_000)}`]), { code });
  const long = parseFilters([`name~=${'a'.repeat(2000)}`]);
  t.equal(
    matchesAny(long, () => 'a'.repeat(3000)),
    false,
    'too long a pattern matches nothing',
  );
});

t.test('a regular expression takes no more than linear time', async (t) => {
  const filters = parseFilters(['name~=^(a+)+$', 'name~=/(a|a)*b/']);
  t.equal(
    matchesAny(filters, () => `${'a'.repeat(50_000)}!`),
    false,
  );
  t.equal(
    matchesAny(parseFilters(['name~=/(a)\\\\1/']), () => 'aa'),
    false,
    'no back references',
  );
});

t.test('the fields of a snapshot', async (t) => {
  const snapshot: Snapshot = {
    ...{ id: snapshotId(1), name: 'n', parent: undefined, kind: 'view', mark: undefined },
    ...{ labels: { 'a.b/c': 'x' }, createdMicros: 1, updatedMicros: 1, usage: undefined },
  };
  const holds = (filter: string) => matchesAny(parseFilters([filter]), snapshotFields(snapshot));
  const yes = ['kind==view', 'name==n', 'parent', 'parent==""', 'labels."a.b/c"==x'];
  for (const filter of [...yes, 'labels.a."b/c"']) t.ok(holds(filter), filter);
  const no = ['kind==active', 'labels', 'labels.constructor', 'id', 'created', 'labels."a.b"'];
  for (const filter of no) t.notOk(holds(filter), filter);
});

t.test('a filter that names what it wants is not answered from all records', async (t) => {
  const selection = (...filters: string[]) => selectionOf(parseFilters(filters));
  t.same(selection('name==x'), { kind: 'name', name: 'x' });
  t.same(selection('labels."containerd.io/snapshot.ref"==sha256:1,parent=="p"'), {
    kind: 'target',
    chainId: 'sha256:1',
  });
  t.same(selection('kind==active,parent==p'), { kind: 'children', parent: 'p' });
  for (const filters of [[], [''], ['parent==""'], ['name!=x'], ['name==x', 'name==y']]) {
    t.same(selection(...filters), { kind: 'all' });
  }
});
