/** The kit itself: umoci and GNU tar accept what it builds, and the comparison sees differences. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  buildTortureLayout,
  compareTrees,
  listTree,
  requireRoot,
  requireTool,
  runChecked,
  temporaryDirectory,
} from '../src/index.ts';

t.test('umoci unpacks the torture image', async (t) => {
  if (!requireRoot(t) || !requireTool(t, 'umoci', 'getfattr')) return;
  const directory = temporaryDirectory(t);
  const layout = buildTortureLayout(join(directory, 'layout'));
  const bundle = join(directory, 'bundle');
  await runChecked('umoci', ['unpack', '--image', `${layout}:latest`, bundle]);
  const records = await listTree(join(bundle, 'rootfs'));
  const byPath = new Map(records.map((record) => [record.path, record]));
  t.equal(byPath.get('empty-file'), undefined);
  t.equal(byPath.get('opaque/a'), undefined);
  t.equal(byPath.get('becomes-file')?.type, 'regular');
  t.equal(byPath.get('hard-c')?.sameAs, 'hard-a');
  t.equal(byPath.get('hard-b')?.sameAs, 'hard-b');
  t.match(byPath.get('capable')?.xattrs, /security\.capability/);
  t.equal(byPath.get('nanoseconds')?.mtime, '1234567890123456789');
  t.ok(byPath.has('not-utf8-\xff\xfe\x80'));
});

t.test('a comparison names what differs', async (t) => {
  if (!requireTool(t, 'getfattr')) return;
  const directory = temporaryDirectory(t);
  for (const side of ['a', 'b']) {
    mkdirSync(join(directory, side));
    writeFileSync(join(directory, side, 'file'), 'same');
    symlinkSync(side, join(directory, side, 'link'));
  }
  chmodSync(join(directory, 'b', 'file'), 0o600);
  chmodSync(join(directory, 'a', 'file'), 0o640);
  writeFileSync(join(directory, 'b', 'extra'), '');
  const differences = await compareTrees(join(directory, 'a'), join(directory, 'b'), {
    ignore: ['mtime'],
  });
  t.same(differences, [
    '"file": mode is 640, not 600',
    '"link": target is a, not b',
    'only in the second: "extra"',
  ]);
});
