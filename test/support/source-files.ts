/** The TypeScript files of the checkout with what each imports. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export type SourceFile = {
  /** Relative to the checkout's root. */
  readonly path: string;
  readonly text: string;
  readonly lineCount: number;
  /** Specifiers as written, those of types and of `import()` included. */
  readonly imports: readonly string[];
};

export const root = resolve(import.meta.dirname, '..', '..');

const PATTERNS = ['packages/*/src/**/*.ts', 'packages/*/test/**/*.ts', 'test/**/*.ts'];
const MORE_PATTERNS = ['scripts/**/*.ts', 'bench/**/*.ts'];

const IMPORT = /^(?:import|export)\s+(?:type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)';/gm;
const DYNAMIC = /(?<![\w.])import\(\s*'([^']+)'\s*\)/g;

export function readSourceFiles(): SourceFile[] {
  return [...PATTERNS, ...MORE_PATTERNS]
    .flatMap((pattern) => globSync(pattern, { cwd: root }))
    .filter((path) => !path.includes('node_modules/') && !path.includes('/gen/'))
    .toSorted()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, lineCount: text.split('\n').length - 1, imports: importsOf(text) };
    });
}

export function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT), ...text.matchAll(DYNAMIC)].map(
    ([, specifier = '']) => specifier,
  );
}

/** The file of this checkout that an import names; undefined when it is another package. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) {
    return relative(root, resolve(root, dirname(from), specifier));
  }
  const [, name = '', inner] = /^@shoal\/([^/]+)(?:\/(.+))?$/.exec(specifier) ?? [];
  if (name === '') return undefined;
  const entry = exportsOf(name).get(inner === undefined ? '.' : `./${inner}`);
  const path = join('packages', name, entry ?? `src/${inner}.ts`);
  return existsSync(join(root, path)) ? path : undefined;
}

/** The entries of one of our packages as its package.json has them: `./client` -> `./src/client.ts`. */
function exportsOf(name: string): ReadonlyMap<string, string> {
  const file = join(root, 'packages', name, 'package.json');
  if (!existsSync(file)) return new Map();
  const manifest: { exports: string | Record<string, string> } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  const { exports } = manifest;
  return new Map(typeof exports === 'string' ? [['.', exports]] : Object.entries(exports));
}

/** `packages/rafs/src/x.ts` -> `rafs`; undefined outside of packages. */
export function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}
