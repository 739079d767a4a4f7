/** Threads and programs are found by their names, and nothing that cannot be moved slips through. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { findOwnFiles } from './own-files.ts';

const root = resolve(import.meta.dirname, '..', '..');

t.test('those of this tree', async (t) => {
  const { entries, copies } = findOwnFiles(root);
  const wanted = ['codec-worker', 'daemon-main', 'holder-process', 'session-worker'];
  t.same(
    wanted.filter((name) => !entries.has(name)),
    [],
  );
  t.ok(copies.has('supervisor.sh'));
});

t.test('every form of a name', async (t) => {
  const { entries, copies } = findOwnFiles(
    tree(t, {
      'a/src/one.ts': "new Worker(new URL('./thread.ts', import.meta.url));\n",
      'a/src/two.ts': "new URL(\n  '../../b/src/x.sh',\n  import.meta.url,\n);\n",
      'a/src/three.ts': "new URL('../package.json', import.meta.url);\n",
      'a/src/four.ts': 'createRequire(import.meta.url);\n',
      'test-kit/src/five.ts': 'import.meta.dirname;\n',
    }),
  );
  t.same([...entries.keys()], ['thread']);
  t.same([...copies.keys()], ['x.sh']);
});

t.test('what would break in a bundle is refused', async (t) => {
  for (const text of ['import.meta.dirname', 'new URL(name, import.meta.url)']) {
    const odd = tree(t, { 'a/src/odd.ts': `${text};\n` });
    t.throws(() => findOwnFiles(odd), { message: /a\/src\/odd\.ts: a use of import\.meta/ });
  }
  const twice = tree(t, {
    'a/src/x.ts': "new URL('./worker.ts', import.meta.url);\n",
    'b/src/y.ts': "new URL('./worker.ts', import.meta.url);\n",
  });
  t.throws(() => findOwnFiles(twice), { message: /the same name/ });
});

function tree(t: TestScope, files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory(t);
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, 'packages', name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
  }
  return directory;
}
