/**
 * Files that Shoal's sources name by `new URL('./x', import.meta.url)`: threads, processes it starts,
 * package.json. A bundler does not follow them. In a release everything lies in one directory, so
 * each name is rewritten to what the file is called there, and any other use of `import.meta` is
 * refused: it would break only when it runs.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { Plugin } from 'esbuild';

/** What the sources name, by the name it has in the release's `lib/`. */
export type OwnFiles = {
  /** Threads and programs: bundled, each an entry of its own. */
  readonly entries: ReadonlyMap<string, string>;
  /** Files that are taken as they are. */
  readonly copies: ReadonlyMap<string, string>;
};

const SOURCE_FILES = 'packages/*/src/**/*.ts';
const NAMED_FILE = /new URL\(\s*'([^']+)',\s*import\.meta\.url\s*,?\s*\)/g;
const REQUIRE = 'createRequire(import.meta.url)';
/** Only for tests. */
const LEFT_OUT = /^packages\/test-kit\//;

/** Finds every such name in the sources below `root`. */
export function findOwnFiles(root: string): OwnFiles {
  const entries = new Map<string, string>();
  const copies = new Map<string, string>();
  for (const file of globSync(SOURCE_FILES, { cwd: root }).toSorted()) {
    if (LEFT_OUT.test(file)) continue;
    for (const target of namedFiles(root, join(root, file))) {
      if (target.endsWith('.ts')) addOnce(entries, basename(target, '.ts'), target);
      else if (isCopied(root, target)) addOnce(copies, basename(target), target);
    }
  }
  return { entries, copies };
}

/** Rewrites the names while the sources are bundled. */
export function ownFilesPlugin(root: string): Plugin {
  return {
    name: 'own-files',
    setup(build) {
      build.onLoad({ filter: /\/packages\/[^/]+\/src\/.*\.ts$/ }, ({ path }) => ({
        contents: rewriteNames(root, path),
        loader: 'ts',
      }));
    },
  };
}

function rewriteNames(root: string, file: string): string {
  const text = readFileSync(file, 'utf8');
  const rewritten = text.replaceAll(NAMED_FILE, (_, name: string) => {
    const place = releasePlace(root, resolve(dirname(file), name));
    return `new URL('${place}', import.meta.url)`;
  });
  return rewritten;
}

/** Where the file is in a release, seen from `lib/`. */
function releasePlace(root: string, target: string): string {
  if (target.endsWith('.ts')) return `./${basename(target, '.ts')}.js`;
  if (isPackageFile(target)) return './package.json';
  if (existsSync(target) && isCopied(root, target)) return `./${basename(target)}`;
  return `../${relative(root, target)}`;
}

function namedFiles(root: string, file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const known = [...text.matchAll(NAMED_FILE)].map((match) => match[1] ?? '');
  const uses = text.split('import.meta').length - 1;
  const requires = text.split(REQUIRE).length - 1;
  if (uses !== known.length + requires) {
    const place = relative(root, file);
    throw new Error(`${place}: a use of import.meta that scripts/release/own-files.ts cannot move`);
  }
  return known.map((name) => resolve(dirname(file), name));
}

function isPackageFile(target: string): boolean {
  return basename(target) === 'package.json';
}

/** Not what is written at run time (the compile cache), nor package.json, which is written anew. */
function isCopied(root: string, target: string): boolean {
  return !isPackageFile(target) && relative(root, target).startsWith('packages/');
}

function addOnce(files: Map<string, string>, name: string, target: string): void {
  const other = files.get(name);
  if (other !== undefined && other !== target) {
    throw new Error(`${other} and ${target} would have the same name in a release`);
  }
  files.set(name, target);
}
