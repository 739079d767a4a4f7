/**
 * The rules of the house that no linter knows: imports point downwards only, no circles, every
 * package declares what it imports, files stay small and are named as the house names them.
 */
import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, join } from 'node:path';
import t from 'tap';
import { findFolderCircles } from './support/folder-circles.ts';
import {
  importsOf,
  packageOf,
  readSourceFiles,
  resolveImport,
  root,
  type SourceFile,
} from './support/source-files.ts';

/** What each package may import of ours. Lower layers first; ARCHITECTURE.md shows the figure. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  concurrency: [],
  oci: ['errors'],
  rafs: ['errors', 'oci'],
  linux: ['errors'],
  'registry-client': ['errors', 'concurrency', 'oci', 'linux'],
  'blob-store': ['errors', 'concurrency', 'oci', 'rafs', 'linux', 'registry-client'],
  'p2p-peer': ['errors', 'concurrency', 'oci', 'registry-client', 'blob-store'],
  converter: ['errors', 'oci', 'rafs', 'linux', 'registry-client', 'blob-store', 'p2p-peer'],
  snapshotter: ['errors', 'concurrency', 'oci', 'rafs', 'linux', 'registry-client', 'blob-store'],
  'registry-proxy': ['errors', 'concurrency', 'oci', 'registry-client', 'blob-store'],
  downloads: ['errors', 'oci', 'registry-client', 'blob-store', 'converter'],
  node: [
    'errors',
    'oci',
    'linux',
    'registry-client',
    'blob-store',
    'p2p-peer',
    'snapshotter',
    'registry-proxy',
    'downloads',
  ],
  cli: [
    'errors',
    'oci',
    'rafs',
    'linux',
    'registry-client',
    'blob-store',
    'p2p-peer',
    'converter',
    'snapshotter',
    'registry-proxy',
    'downloads',
    'node',
  ],
  'test-kit': ['errors', 'oci', 'rafs', 'linux', 'registry-client'],
};

/** What still needs each other inside a package, with the reason. It only gets shorter. */
const KNOWN_CIRCLES: readonly string[] = [];

const PACKAGES = Object.keys(MAY_IMPORT).toSorted();
const LINES_MAX = 300;
const VAGUE_NAMES = /(^|-)(utils?|helpers?|common|misc)\.ts$|^(shared|types)\.ts$/;
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|long|bench|fuzz|d))?\.ts$/;

const files = readSourceFiles();
const isSource = (file: SourceFile) => /^packages\/[^/]+\/src\//.test(file.path);
const sources = files.filter(isSource);

/** `@shoal/rafs/x` -> `rafs`. */
const ourPackage = (specifier: string) => /^@shoal\/([^/]+)/.exec(specifier)?.[1];

t.test('the import scanner sees every form', async (t) => {
  const text = [
    "import t from 'a';",
    "import type { X } from 'b';",
    "import {\n  one,\n  two,\n} from 'c';",
    "export * from 'd';",
    "export { one } from 'e';",
    "import 'f';",
    "const x = await import('g');",
  ].join('\n');
  t.same(importsOf(text), ['a', 'b', 'c', 'd', 'e', 'f', 'g']);
});

t.test('the files are found', async (t) => {
  t.same([...new Set(sources.map(({ path }) => packageOf(path)))].toSorted(), PACKAGES);
  t.ok(sources.length > 300, `${sources.length} source files`);
  t.ok(files.length > sources.length + 200, `${files.length} files with the tests`);
});

t.test('packages import only what lies below them', async (t) => {
  const wrong: string[] = [];
  for (const file of sources) {
    const own = packageOf(file.path) ?? '';
    const allowed = MAY_IMPORT[own];
    if (allowed === undefined)
      wrong.push(`${file.path}: package ${own} has no place in the layers`);
    for (const specifier of file.imports) {
      const other = ourPackage(specifier);
      if (other === undefined || other === own) continue;
      if (allowed?.includes(other) !== true) wrong.push(`${file.path} imports ${specifier}`);
    }
  }
  t.same(wrong, []);
});

t.test('relative imports stay inside their package', async (t) => {
  const wrong: string[] = [];
  for (const file of files) {
    const own = packageOf(file.path);
    for (const specifier of file.imports) {
      if (!specifier.startsWith('.')) continue;
      const target = resolveImport(file.path, specifier) ?? '';
      if (own !== undefined && packageOf(target) !== own) {
        wrong.push(`${file.path} imports ${specifier}`);
      }
      if (isSource(file) && /\/test\//.test(target)) wrong.push(`${file.path} imports a test file`);
    }
  }
  t.same(wrong, []);
});

t.test('no circles between files, nor between their types', async (t) => {
  const edges = new Map<string, string[]>();
  for (const file of sources) {
    const targets = file.imports
      .map((specifier) => resolveImport(file.path, specifier))
      .filter((target) => target !== undefined);
    edges.set(file.path, targets);
  }
  t.same(findCircles(edges), []);
});

t.test('circles are found: of folders, of files beside them, of folders in folders', async (t) => {
  const file = (path: string, ...imports: string[]): SourceFile => ({
    ...{ path: `packages/x/src/${path}`, text: '', lineCount: 0, imports },
  });
  const sound = [
    file('index.ts', './a/one.ts', './b/two.ts'),
    file('a/one.ts', '../b/two.ts', '../errors.ts'),
    file('b/two.ts', './three.ts', './deep/four.ts', 'node:fs'),
    file('b/deep/four.ts', '../../limits.ts', '../../b/five.ts'),
  ];
  t.same(findFolderCircles(sound), []);
  t.same(findFolderCircles([...sound, file('errors.ts', './a/six.ts')]), [
    {
      members: ['x/src/a', 'x/src/errors.ts'],
      imports: ['x/src/a/one.ts imports x/src/errors.ts', 'x/src/errors.ts imports x/src/a/six.ts'],
    },
  ]);
  const byAnother = [file('b/five.ts', '../c/six.ts'), file('c/six.ts', '../a/seven.ts')];
  const [wide] = findFolderCircles([...sound, ...byAnother]);
  t.same(wide?.members, ['x/src/a', 'x/src/b', 'x/src/c']);
  const [deep] = findFolderCircles([...sound, file('b/deep/eight.ts', '../two.ts')]);
  t.same(deep?.members, ['x/src/b/deep', 'x/src/b/two.ts']);
});

t.test('no circles between the folders of a package but those that are known', async (t) => {
  const found = findFolderCircles(sources).map(({ members, imports }) => ({
    ...{ circle: members.join(' <-> '), imports },
  }));
  const isKnown = ({ circle }: { circle: string }) => KNOWN_CIRCLES.includes(circle);
  t.same(
    found.filter((entry) => !isKnown(entry)),
    [],
  );
  const gone = KNOWN_CIRCLES.filter((known) => !found.some(({ circle }) => circle === known));
  t.same(gone, [], 'a circle that is gone leaves the list');
});

t.test('every package declares what it imports', async (t) => {
  const wrong: string[] = [];
  for (const file of sources) {
    const own = packageOf(file.path) ?? '';
    const declared = dependenciesOf(own);
    for (const specifier of file.imports) {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      if (builtinModules.includes(name)) wrong.push(`${file.path}: ${name} without node:`);
      else if (!declared.has(name) && name !== `@shoal/${own}`) {
        wrong.push(`${file.path}: ${name} is not in packages/${own}/package.json`);
      }
    }
  }
  t.same([...new Set(wrong)], []);
});

t.test('no package declares what it does not import', async (t) => {
  const wrong: string[] = [];
  for (const name of PACKAGES) {
    const texts = sources.filter(({ path }) => packageOf(path) === name).map(({ text }) => text);
    const generated = globSync(`packages/${name}/src/**/gen/**/*.ts`, { cwd: root });
    texts.push(...generated.map((path) => readFileSync(join(root, path), 'utf8')));
    for (const dependency of dependenciesOf(name)) {
      const forms = [`'${dependency}'`, `'${dependency}/`, `"${dependency}"`, `"${dependency}/`];
      const isImported = texts.some((text) => forms.some((form) => text.includes(form)));
      if (!isImported) wrong.push(`packages/${name}/package.json: ${dependency}`);
    }
  }
  t.same(wrong, []);
});

t.test('only the linux package talks to koffi', async (t) => {
  const importers = sources
    .filter((file) => file.imports.includes('koffi'))
    .map((file) => file.path)
    .filter((path) => !path.startsWith('packages/linux/src/'));
  t.same(importers, []);
});

t.test('neither commands nor the daemon import node:http, which loads much else', async (t) => {
  const importers = sources
    .filter(({ text }) => /^import (?!type )[^;]*'node:https?';/m.test(text))
    .map((file) => file.path)
    .filter((path) => !/^packages\/(?:test-kit|registry-client\/src\/embedded)\//.test(path));
  t.same(importers, [], 'packages/node/src/node-http.ts has it');
});

t.test('files are small', async (t) => {
  const big = files
    .filter((file) => file.lineCount > LINES_MAX)
    .map((file) => `${file.path}: ${file.lineCount} lines`);
  t.same(big, []);
});

t.test('files are named after what they hold', async (t) => {
  const wrong = files
    .map((file) => file.path)
    .filter((path) => !KEBAB_CASE.test(basename(path)) || VAGUE_NAMES.test(basename(path)));
  t.same(wrong, []);
});

t.test('each source file opens with a comment of what it is', async (t) => {
  const bare = sources
    .filter((file) => !/^(#!.*\n)?(\/\*\*|\/\/|\/\*)/.test(file.text))
    .map((file) => file.path);
  t.same(bare, []);
});

function dependenciesOf(name: string): Set<string> {
  const text = readFileSync(join(root, 'packages', name, 'package.json'), 'utf8');
  const parsed: { dependencies?: Record<string, string> } = JSON.parse(text);
  return new Set(Object.keys(parsed.dependencies ?? {}));
}

/** Each circle once, as the paths along it. */
function findCircles(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      circles.push([...trail.slice(start), path].join(' -> '));
      return;
    }
    if (done.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return circles;
}
